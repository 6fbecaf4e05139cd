-- Sends what the arguments after `--` say (method, body length) and prints the outcome as one line of JSON.

-- Called by wrk before it formats the one request that it repeats.
function init(args)
   wrk.method = args[1] or "GET"
   if args[2] then
      wrk.body = string.rep("x", tonumber(args[2]))
   end
end

function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      'RESULT {"requests": %d, "duration_us": %d, "bytes": %d, "mean_us": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, ' ..
      '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}\n',
      summary.requests, summary.duration, summary.bytes, latency.mean, latency:percentile(50), latency:percentile(99), latency.max,
      errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
