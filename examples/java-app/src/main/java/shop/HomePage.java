package shop;

import java.util.List;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.personalizeruntime.PersonalizeRuntimeClient;
import software.amazon.awssdk.services.personalizeruntime.model.PredictedItem;

/** Recommendations of a user, or the bestsellers when the service fails. */
public final class HomePage {
    private final PersonalizeRuntimeClient runtime;
    private final String campaignArn;
    private final List<String> bestsellers;

    public HomePage(PersonalizeRuntimeClient runtime, String campaignArn, List<String> bestsellers) {
        this.runtime = runtime;
        this.campaignArn = campaignArn;
        this.bestsellers = bestsellers;
    }

    public List<String> shelf(String userId, int size) {
        try {
            var answer = runtime.getRecommendations(
                    request -> request.campaignArn(campaignArn).userId(userId).numResults(size));
            return answer.itemList().stream().map(PredictedItem::itemId).toList();
        } catch (SdkException error) {
            return bestsellers.stream().limit(size).toList();
        }
    }
}
