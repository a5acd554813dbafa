require "json"

def handler(event:, context:)
  case event["do"]
  when "echo" then { event: event, request: context.aws_request_id, remaining: context.get_remaining_time_in_millis }
  when "boom" then raise ArgumentError, "no"
  when "leave" then exit!(event["code"])
  when "hang" then sleep 600
  when "signal" then Process.kill("KILL", Process.pid)
  when "env" then ENV.to_h
  when "layer"
    require "layered"
    LAYERED
  end
end
