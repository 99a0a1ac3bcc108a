import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import * as control from "@aws-sdk/client-personalize";
import * as emulator from "./emulator.js";
import { Clicks, HomePage } from "./recommendations.js";

const BESTSELLERS = ["bestseller-1", "bestseller-2"];

beforeEach(() => emulator.reset());

describe("home page", () => {
  let page;

  beforeEach(async () => {
    page = new HomePage(await emulator.campaign("home-page", ["tent", "lamp", "rope", "stove"]), BESTSELLERS);
  });

  test("each user has a shelf", async () => {
    await emulator.recommend({ campaignArn: page.campaignArn, userId: "climber", items: ["rope", "helmet"] });
    assert.deepEqual(await page.shelf("climber"), ["rope", "helmet"]);
    assert.deepEqual(await page.shelf("hiker"), ["tent", "lamp", "rope"]);
    const asked = await emulator.calls("GetRecommendations");
    assert.deepEqual(asked.map((call) => call.params.userId), ["climber", "hiker"]);
  });

  test("a throttled request is repeated by the SDK", async () => {
    const fault = await emulator.fail({ operation: "GetRecommendations", error: "ThrottlingException", times: 1 });
    assert.deepEqual(await page.shelf("u1", 1), ["tent"]);
    assert.equal(await emulator.hits(fault.id), 1);
  });

  for (const effect of [{ error: "ServiceUnavailable" }, { drop: true }, { wrongJson: true }]) {
    test(`bestsellers are shown with ${JSON.stringify(effect)}`, async () => {
      await emulator.fail({ operation: "GetRecommendations", ...effect });
      assert.deepEqual(await page.shelf("u1"), BESTSELLERS);
    });
  }
});

test("a click arrives once although the service fails at first", async () => {
  const trackingId = await eventTracker();
  await emulator.fail({ operation: "PutEvents", error: "InternalServerException", times: 1 });
  await new Clicks(trackingId).report("u1", "s1", "tent");
  const calls = await emulator.calls("PutEvents");
  assert.deepEqual(calls.map((call) => call.error), ["InternalServerException", null]);
  assert.equal(calls[1].params.eventList[0].itemId, "tent");
});

/** An event tracker needs a dataset of interactions. */
async function eventTracker() {
  const personalize = new control.PersonalizeClient({});
  const { datasetGroupArn } = await personalize.send(new control.CreateDatasetGroupCommand({ name: "shop" }));
  const fields = ["USER_ID", "ITEM_ID"].map((name) => ({ name, type: "string" }));
  fields.push({ name: "TIMESTAMP", type: "long" });
  const namespace = "com.amazonaws.personalize.schema";
  const schema = JSON.stringify({ type: "record", name: "Interactions", namespace, fields, version: "1.0" });
  const { schemaArn } = await personalize.send(new control.CreateSchemaCommand({ name: "shop", schema }));
  const dataset = { name: "shop", schemaArn, datasetGroupArn, datasetType: "Interactions" };
  await personalize.send(new control.CreateDatasetCommand(dataset));
  const tracker = { name: "clicks", datasetGroupArn };
  return (await personalize.send(new control.CreateEventTrackerCommand(tracker))).trackingId;
}
