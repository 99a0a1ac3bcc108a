import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { GetRecommendationsCommand, PersonalizeRuntimeClient } from "@aws-sdk/client-personalize-runtime";
import { Emulator, startEmulator } from "./emulator.js";

/** @type {Emulator} */
let emulator;

before(async () => {
  // With AWS_ENDPOINT_URL, a server that runs already; otherwise a container.
  const running = process.env.AWS_ENDPOINT_URL;
  emulator = running ? new Emulator(running, async () => undefined) : await startEmulator();
});
after(() => emulator.stop());
beforeEach(() => emulator.reset());

/**
 * @param {string} campaignArn
 * @param {string} userId
 */
async function shelf(campaignArn, userId) {
  const runtime = new PersonalizeRuntimeClient(emulator.client);
  const answer = await runtime.send(new GetRecommendationsCommand({ campaignArn, userId, numResults: 2 }));
  return (answer.itemList ?? []).map((item) => item.itemId);
}

test("a declared campaign answers", async () => {
  const campaign = await emulator.campaign("home-page", ["tent", "lamp", "rope"]);
  assert.deepEqual(await shelf(campaign, "u1"), ["tent", "lamp"]);
});

test("the SDK repeats a throttled call", async () => {
  const campaign = await emulator.campaign("home-page", ["tent"]);
  await emulator.fail({ operation: "GetRecommendations", error: "ThrottlingException", times: 1 });
  assert.deepEqual(await shelf(campaign, "u1"), ["tent"]);
});
