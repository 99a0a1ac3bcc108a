// What a shop shows and reports: recommendations with a fallback, and clicks.
import { PersonalizeEventsClient, PutEventsCommand } from "@aws-sdk/client-personalize-events";
import { GetRecommendationsCommand, PersonalizeRuntimeClient } from "@aws-sdk/client-personalize-runtime";

export class HomePage {
  constructor(campaignArn, bestsellers, settings = {}) {
    this.campaignArn = campaignArn;
    this.bestsellers = bestsellers;
    this.runtime = new PersonalizeRuntimeClient({ maxAttempts: 2, ...settings });
  }

  /** Ids of items for a user: recommendations, or the bestsellers when the service fails. */
  async shelf(userId, numResults = 3) {
    try {
      const request = { campaignArn: this.campaignArn, userId, numResults };
      const answer = await this.runtime.send(new GetRecommendationsCommand(request));
      return answer.itemList.map((item) => item.itemId);
    } catch {
      return this.bestsellers.slice(0, numResults);
    }
  }
}

export class Clicks {
  constructor(trackingId, settings = {}) {
    this.trackingId = trackingId;
    this.events = new PersonalizeEventsClient({ maxAttempts: 3, ...settings });
  }

  async report(userId, sessionId, itemId) {
    const eventList = [{ eventType: "click", itemId, sentAt: new Date() }];
    await this.events.send(new PutEventsCommand({ trackingId: this.trackingId, userId, sessionId, eventList }));
  }
}
