"""Words that everybody knows: what many call a part of their product, and names that only look like code."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ORDINARY = _words(
    """
    account accounts accounting admin ads alerts analytics app apps archive assets audio auth authentication
    availability backup backups balance bank banking basket billing bills blog booking bookings calendar calls
    campaigns card cards cart cases catalog catalogue chat checkout claims classes client clients cloud comments
    communication community compliance console contact contacts content contracts courses customer customers
    dashboard data delivery deliveries devices directory discounts docs documents domains downloads editor email
    emails employees events exchange export exports external feed feeds files finance forms forum fulfilment
    fulfillment games gaming gift gifts groups help home hosting hotels identity images imports insurance
    integration integrations internal inventory invoice invoices invoicing jobs kitchen labels leads learning
    ledger library licenses listings live loans localization locations login logins logistics mail maps market
    marketing marketplace media members membership memberships menu messages messaging metrics mobile monitoring
    music network news notifications offers office online operations order ordering orders page pages partner
    partners parcels passwords patients payment payments payouts payroll people phone photos platform player
    playlists points policies portal posts prices pricing printing product products profile profiles projects
    promotions public purchases push quotes ratings receipts recommendations recordings records refunds register
    registration reporting reports reservations returns reviews rewards rides rooms sales scheduling school search
    security seats server servers service services sessions settings shipments shipping shop shopping signin
    signup site sites sms social staff status stock storage store stores streaming students subscriptions supply
    support survey surveys system systems tables tasks tax taxes teams telephony ticket tickets ticketing
    timesheets tours tracking trading training transfers translation transport travel trips updates uploads user
    users video videos voice vouchers wallet warehouse web webshop website weather workflows workspace workspaces
    """
)

BRANDS = _words(
    """
    iphone ipad ipados ios icloud imessage itunes imac ebay ebooks ebook macos tvos watchos visionos openid paypal
    youtube linkedin whatsapp facebook github gitlab wordpress woocommerce quickbooks salesforce hubspot mailchimp
    sharepoint onedrive outlook mastercard applepay googlepay javascript postnl dpd tiktok wechat xbox playstation
    """
)
