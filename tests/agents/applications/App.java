import com.sun.net.httpserver.HttpServer;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;

/** Answers a request of its own, says what it was given, and ends when its input does. */
final class App {
    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();

        URI address = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
        HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
        System.out.println("answer: " + connection.getResponseCode());
        System.out.println("own option: " + System.getProperty("own.option", "none"));
        System.out.flush();

        System.in.readAllBytes();
        server.stop(0);
    }
}
