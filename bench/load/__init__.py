"""What makes the load: wrk with a script of ours, a paced sender, a receiver of pages."""
