-- For wrk: sends the lines of a request file in turn, and ends with one line of JSON.
--   wrk … -s requests.lua http://host:port/prefix -- FILE FIRST
-- A line: METHOD, PATH, TOKEN or "-", BODY or "-", with tabs between them.

local lines, at = {}, 0

function init(args)
  local prefix = wrk.path:gsub("/$", "")
  for line in io.lines(args[1]) do
    local method, path, token, body = line:match("^(%S+)\t(%S+)\t(%S+)\t(.+)$")
    local headers = {}
    if token ~= "-" then headers["Authorization"] = "Bearer " .. token end
    if body == "-" then body = nil else headers["Content-Type"] = "application/json" end
    lines[#lines + 1] = wrk.format(method, prefix .. path, headers, body)
  end
  at = tonumber(args[2])
end

function request()
  at = at % #lines + 1
  return lines[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %.6f, "bytes": %d, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status + e.connect + e.read + e.write + e.timeout))
end
