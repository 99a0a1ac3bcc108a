package shop;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.junit.jupiter.Container;
import org.testcontainers.junit.jupiter.Testcontainers;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.personalizeruntime.PersonalizeRuntimeClient;

@Testcontainers
class HomePageTest {
    private static final int PORT = 4577;
    private static final List<String> BESTSELLERS = List.of("bestseller-1", "bestseller-2");
    private static final String CAMPAIGN = "arn:aws:personalize:us-east-1:123456789012:campaign/home-page";

    @Container
    private static final GenericContainer<?> EMULATOR = new GenericContainer<>("personalize-emu")
            .withExposedPorts(PORT)
            .waitingFor(Wait.forHttp("/_emu/health").forStatusCode(200));

    private HomePage page;

    @BeforeEach
    void declareCampaign() throws Exception {
        emulator("reset", "");
        emulator("answers", "{\"campaign\": \"home-page\", \"items\": [\"tent\", \"lamp\", \"rope\"]}");
        var credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create("key", "secret"));
        var runtime = PersonalizeRuntimeClient.builder()
                .endpointOverride(URI.create(url()))
                .region(Region.US_EAST_1)
                .credentialsProvider(credentials)
                .build();
        page = new HomePage(runtime, CAMPAIGN, BESTSELLERS);
    }

    @Test
    void eachUserHasAShelf() throws Exception {
        emulator("answers", "{\"campaignArn\": \"" + CAMPAIGN + "\", \"userId\": \"u1\", \"items\": [\"rope\"]}");
        assertEquals(List.of("rope"), page.shelf("u1", 2));
        assertEquals(List.of("tent", "lamp"), page.shelf("u2", 2));
    }

    @Test
    void throttledRequestsAreRepeated() throws Exception {
        emulator("faults", "{\"operation\": \"GetRecommendations\", \"error\": \"ThrottlingException\", \"times\": 1}");
        assertEquals(List.of("tent"), page.shelf("u1", 1));
    }

    @Test
    void bestsellersAreShownWhenTheServiceFails() throws Exception {
        emulator("faults", "{\"operation\": \"GetRecommendations\", \"error\": \"ServiceUnavailable\"}");
        assertEquals(BESTSELLERS, page.shelf("u1", 2));
    }

    private static String url() {
        return "http://" + EMULATOR.getHost() + ":" + EMULATOR.getMappedPort(PORT);
    }

    private static void emulator(String route, String body) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(url() + "/_emu/" + route))
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() >= 300) {
            throw new IOException(answer.body());
        }
    }
}
