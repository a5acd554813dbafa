import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class Handler implements RequestHandler<Map<String, Object>, Object> {
    public Object handleRequest(Map<String, Object> event, Context context) {
        switch ((String) event.get("do")) {
            case "echo":
                Map<String, Object> answer = new HashMap<>();
                answer.put("event", event);
                answer.put("request", context.getAwsRequestId());
                answer.put("remaining", context.getRemainingTimeInMillis());
                return answer;
            case "boom":
                throw new IllegalArgumentException("no");
            case "leave":
                System.exit((Integer) event.get("code"));
                return null;
            case "hang":
                try {
                    Thread.sleep(600_000);
                } catch (InterruptedException error) {
                    throw new RuntimeException(error);
                }
                return null;
            case "signal":
                ProcessHandle.current().pid();
                try {
                    Runtime.getRuntime().exec(new String[] {"kill", "-9", "" + ProcessHandle.current().pid()}).waitFor();
                } catch (Exception error) {
                    throw new RuntimeException(error);
                }
                return null;
            case "env":
                return System.getenv();
            case "layer":
                return Layered.VALUE;
            default:
                return List.of(Runtime.getRuntime().maxMemory());
        }
    }
}
