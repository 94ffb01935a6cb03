-- Alerts for wrk, in the wire format of each system that is measured.
--
--   wrk ... -s event.lua URL -- FORMAT KEY [option=value ...]
--
--   FORMAT    events (PagerDuty Events v2), ends (their resolves), alerts (Alertmanager v2), alerta
--   KEY       the routing key; where the address says it already, any text
--   keys=K    K recurring dedup keys; 0 (default): every alert is a new one
--   batch=B   alerts in one request (format alerts)
--   severity=S  the same severity for all; default: four in turn
--   stop=N    end after N answers (wrk itself only ends by the clock)
--   salt=S    makes the keys of this run its own

local SEVERITIES = { "critical", "error", "warning", "info" }

local FORMATS = {
  events = [[{"routing_key":"$key","event_action":"trigger","dedup_key":"$dedup","payload":{]]
    .. [["summary":"disk usage above 90% on host-$host","source":"host-$host","severity":"$severity",]]
    .. [["component":"disk","group":"storage","class":"capacity","custom_details":{"mount":"/var","used_pct":93.5,]]
    .. [["runbook":"https://runbooks.example/disk"}}}]],
  ends = [[{"routing_key":"$key","event_action":"resolve","dedup_key":"$dedup"}]],
  alerts = [[{"labels":{"alertname":"DiskUsage","routing_key":"$key","dedup":"$dedup","instance":"host-$host",]]
    .. [["source":"host-$host","severity":"$severity","component":"disk","group":"storage"},]]
    .. [["annotations":{"summary":"disk usage above 90%","mount":"/var","used_pct":"93.5",]]
    .. [["runbook":"https://runbooks.example/disk"},"generatorURL":"http://prom.example/graph"}]],
  alerta = [[{"rawData":"$key","event":"DiskUsage-$dedup","resource":"host-$host","value":"$host",]]
    .. [["severity":"$severity","environment":"Production","service":["storage"],"group":"storage",]]
    .. [["text":"disk usage above 90%","tags":["disk"],"attributes":{"mount":"/var","used_pct":93.5,]]
    .. [["runbook":"https://runbooks.example/disk"},"origin":"bench","type":"benchAlert","timeout":86400}]],
}

local option = { keys = "0", batch = "1", severity = "", stop = "0", salt = "" }
local keys, batch, pieces, values
local sent, answered, refused = 0, 0, 0

-- A format is cut once into literal pieces and the names between them; an alert is then one concatenation.
local function cut(text)
  local literal, names, from = {}, {}, 1
  for start, name, next in text:gmatch("()%$(%l+)()") do
    literal[#literal + 1] = text:sub(from, start - 1)
    names[#names + 1] = name
    from = next
  end
  literal[#literal + 1] = text:sub(from)
  return { literal = literal, names = names }
end

local function alert()
  local number = keys > 0 and sent % keys or sent
  sent = sent + 1
  values.dedup = option.salt .. "-" .. number
  values.host = number % 500
  values.severity = option.severity ~= "" and option.severity or SEVERITIES[number % 4 + 1]
  local out = {}
  for i, name in ipairs(pieces.names) do
    out[#out + 1] = pieces.literal[i]
    out[#out + 1] = values[name]
  end
  out[#out + 1] = pieces.literal[#pieces.literal]
  return table.concat(out)
end

function init(args)
  local format, key = args[1], args[2]
  for i = 3, #args do
    local name, value = args[i]:match("^(%l+)=(.*)$")
    option[name] = value
  end
  keys, batch = tonumber(option.keys), tonumber(option.batch)
  pieces, values = cut(FORMATS[format]), { key = key }
  option.list = format == "alerts"
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  local stop = tonumber(option.stop)
  if stop > 0 then
    response = function(status)
      answered = answered + 1
      if status > 299 then refused = refused + 1 end
      if answered == stop then
        report(stop, 0, refused, 0, 0, 0)
        os.exit(0)
      end
    end
  end
end

function request()
  if not option.list then return wrk.format(nil, nil, nil, alert()) end
  local alerts = {}
  for i = 1, batch do alerts[i] = alert() end
  return wrk.format(nil, nil, nil, "[" .. table.concat(alerts, ",") .. "]")
end

function report(...)
  print(string.format('RESULT {"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50": %.3f, "p99": %.3f}', ...))
  io.flush()
end

function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  report(summary.requests, summary.duration / 1e6, errors.status, broken, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3)
end
