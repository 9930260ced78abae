import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;

/** Upper case over HTTP, with the JDK alone. */
public final class Handler {

    /** The function itself. */
    private static String handle(Object request) {
        if (request instanceof Map<?, ?> fields && fields.get("input") instanceof String input) {
            System.err.println("java-http: upper-casing a string of length " + input.length());
            return input.toUpperCase(Locale.ROOT);
        }
        throw new IllegalArgumentException("input must be a string");
    }

    public static void main(String[] args) throws IOException {
        // Head and body leave in two writes; the second must not wait for the first one's ACK.
        System.setProperty("sun.net.httpserver.nodelay", "true");

        // On the loopback interface: only the watchdog beside it is meant to reach it.
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/", Handler::route);
        // By default one thread does everything, and /health would wait for /invoke.
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();

        // The JVM ends with 143 after SIGTERM, which is a success here. The watchdog lets running
        // calls end before it sends one, so nothing is left to wait for.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> Runtime.getRuntime().halt(0)));
    }

    private static void route(HttpExchange exchange) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getRawPath();
            // Read in every case: the next request on this connection starts behind the body.
            byte[] body = exchange.getRequestBody().readAllBytes();
            switch (exchange.getRequestMethod() + " " + path) {
                case "POST /invoke" -> invoke(exchange, body);
                case "GET /health" -> answer(exchange, 200, Json.object("status", "ok"));
                default -> fail(exchange, 404, "NOT_FOUND", "no such path: " + path);
            }
        }
    }

    private static void invoke(HttpExchange exchange, byte[] body) throws IOException {
        String result;
        try {
            result = handle(Json.parse(new String(body, StandardCharsets.UTF_8)));
        } catch (IllegalArgumentException error) {
            fail(exchange, 400, "INVALID_INPUT", error.getMessage());
            return;
        }
        answer(exchange, 200, Json.object("result", result, "language", "java"));
    }

    private static void fail(HttpExchange exchange, int status, String code, String message)
            throws IOException {
        answer(exchange, status, Json.object("error", message, "code", code));
    }

    private static void answer(HttpExchange exchange, int status, String body) throws IOException {
        byte[] content = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, content.length);
        exchange.getResponseBody().write(content);
    }

    /** As much JSON as this function needs: it reads any document and writes objects of strings. */
    private static final class Json {
        /** Deeper documents are refused before they overflow the stack. */
        private static final int MAX_DEPTH = 128;

        private static final Pattern NUMBER =
                Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");

        private final String text;
        private int position;
        private int depth;

        private Json(String text) {
            this.text = text;
        }

        /** Objects become maps, arrays lists, the rest String, Double, Boolean or null. */
        static Object parse(String text) {
            Json json = new Json(text);
            Object value = json.value();
            json.skipSpace();
            if (json.position < text.length()) {
                throw json.error("the end");
            }
            return value;
        }

        /** An object of strings, from keys and values in turn. */
        static String object(String... keysAndValues) {
            StringBuilder out = new StringBuilder("{");
            for (int i = 0; i < keysAndValues.length; i += 2) {
                out.append(i == 0 ? "" : ",");
                quote(keysAndValues[i], out);
                out.append(':');
                quote(keysAndValues[i + 1], out);
            }
            return out.append('}').toString();
        }

        private static void quote(String value, StringBuilder out) {
            out.append('"');
            for (int i = 0; i < value.length(); i++) {
                char c = value.charAt(i);
                if (c == '"' || c == '\\') {
                    out.append('\\').append(c);
                } else if (c < ' ') {
                    out.append(String.format("\\u%04x", (int) c));
                } else {
                    out.append(c);
                }
            }
            out.append('"');
        }

        private Object value() {
            return switch (peek()) {
                case '{' -> object();
                case '[' -> array();
                case '"' -> string();
                case 't' -> literal("true", true);
                case 'f' -> literal("false", false);
                case 'n' -> literal("null", null);
                default -> number();
            };
        }

        private Map<String, Object> object() {
            Map<String, Object> fields = new HashMap<>();
            enter('{');
            if (!accept('}')) {
                do {
                    if (peek() != '"') {
                        throw error("a key");
                    }
                    String key = string();
                    expect(':');
                    fields.put(key, value());
                } while (accept(','));
                expect('}');
            }
            depth--;
            return fields;
        }

        private List<Object> array() {
            List<Object> items = new ArrayList<>();
            enter('[');
            if (!accept(']')) {
                do {
                    items.add(value());
                } while (accept(','));
                expect(']');
            }
            depth--;
            return items;
        }

        private String string() {
            StringBuilder out = new StringBuilder();
            position++;
            while (position < text.length()) {
                char c = text.charAt(position++);
                if (c == '"') {
                    return out.toString();
                }
                if (c < ' ') {
                    break;
                }
                out.append(c == '\\' ? escaped() : c);
            }
            throw error("the end of a string");
        }

        private char escaped() {
            char c = position < text.length() ? text.charAt(position++) : 0;
            return switch (c) {
                case '"', '\\', '/' -> c;
                case 'b' -> '\b';
                case 'f' -> '\f';
                case 'n' -> '\n';
                case 'r' -> '\r';
                case 't' -> '\t';
                case 'u' -> codeUnit();
                default -> throw error("an escape");
            };
        }

        private char codeUnit() {
            int start = position;
            position += 4;
            if (position > text.length()) {
                throw error("four hexadecimal digits");
            }
            return (char) HexFormat.fromHexDigits(text, start, position);
        }

        private Double number() {
            var matcher = NUMBER.matcher(text).region(position, text.length());
            if (!matcher.lookingAt()) {
                throw error("a value");
            }
            position = matcher.end();
            return Double.valueOf(matcher.group());
        }

        private Object literal(String word, Object value) {
            if (!text.startsWith(word, position)) {
                throw error(word);
            }
            position += word.length();
            return value;
        }

        private void enter(char open) {
            expect(open);
            if (++depth > MAX_DEPTH) {
                throw error("at most " + MAX_DEPTH + " levels");
            }
        }

        private void expect(char c) {
            if (!accept(c)) {
                throw error("`" + c + "`");
            }
        }

        private boolean accept(char c) {
            if (peek() != c) {
                return false;
            }
            position++;
            return true;
        }

        /** The next character behind white space, or 0 at the end. */
        private char peek() {
            skipSpace();
            return position < text.length() ? text.charAt(position) : 0;
        }

        private void skipSpace() {
            while (position < text.length() && " \t\n\r".indexOf(text.charAt(position)) >= 0) {
                position++;
            }
        }

        private IllegalArgumentException error(String expected) {
            return new IllegalArgumentException(
                    "not JSON: expected " + expected + " at offset " + position);
        }
    }
}
