import java.util.Collections;
import java.util.List;
import org.opensearch.common.settings.Settings;
import org.opensearch.http.HttpServerTransport;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/** One node of OpenSearch on 127.0.0.1, in the folder it is given; it says its port. */
public class One extends Node {
  One(Settings settings) {
    super(
        InternalSettingsPreparer.prepareEnvironment(settings, Collections.emptyMap(), null, () -> "one"),
        List.of(Netty4Plugin.class),
        false);
  }

  public static void main(String[] folder) throws Exception {
    Node node = new One(
        Settings.builder()
            .put("path.home", folder[0])
            .put("cluster.name", "one")
            .put("node.name", "one")
            .put("discovery.type", "single-node")
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("http.port", "0")
            .put("transport.port", "0")
            .put("network.host", "127.0.0.1")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build());
    node.start();
    HttpServerTransport http = node.injector().getInstance(HttpServerTransport.class);
    System.out.println("port " + http.boundAddress().publishAddress().getPort());
    System.out.flush();
    Thread.currentThread().join();
  }
}
