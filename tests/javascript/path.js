// The path from nothing to recommendations, as a JavaScript program takes it. Prints what it saw as JSON.
// Usage: node path.js URL-OF-THE-SERVER
import * as control from "@aws-sdk/client-personalize";
import * as streaming from "@aws-sdk/client-personalize-events";
import * as live from "@aws-sdk/client-personalize-runtime";

const settings = {
  endpoint: process.argv[2],
  region: "eu-west-1",
  credentials: { accessKeyId: "key", secretAccessKey: "secret" },
};
const personalize = new control.PersonalizeClient(settings);
const events = new streaming.PersonalizeEventsClient(settings);
const runtime = new live.PersonalizeRuntimeClient(settings);

const POPULARITY = "arn:aws:personalize:::recipe/aws-popularity-count";
const ROLE = "arn:aws:iam::123456789012:role/Reader";

const schemaText = (name, fields) =>
  JSON.stringify({ type: "record", name, namespace: "com.amazonaws.personalize.schema", version: "1.0", fields });

async function schema(name, fields) {
  const request = { name: name.toLowerCase(), schema: schemaText(name, fields) };
  return (await personalize.send(new control.CreateSchemaCommand(request))).schemaArn;
}

async function dataset(datasetGroupArn, datasetType, fields) {
  const schemaArn = await schema(datasetType, fields);
  const request = { name: datasetType, schemaArn, datasetGroupArn, datasetType };
  return (await personalize.send(new control.CreateDatasetCommand(request))).datasetArn;
}

async function refusal(client, command, isOfClass) {
  try {
    await client.send(command);
  } catch (error) {
    return {
      name: error.name,
      status: error.$metadata.httpStatusCode,
      hasRequestId: Boolean(error.$metadata.requestId),
      message: error.message,
      isOfClass: isOfClass(error),
    };
  }
  return null;
}

const { datasetGroupArn } = await personalize.send(new control.CreateDatasetGroupCommand({ name: "films" }));
const described = await personalize.send(new control.DescribeDatasetGroupCommand({ datasetGroupArn }));
await dataset(datasetGroupArn, "Interactions", [
  { name: "USER_ID", type: "string" },
  { name: "ITEM_ID", type: "string" },
  { name: "TIMESTAMP", type: "long" },
  { name: "DEVICE", type: ["null", "string"], categorical: true },
]);
const itemsArn = await dataset(datasetGroupArn, "Items", [
  { name: "ITEM_ID", type: "string" },
  { name: "GENRE", type: "string", categorical: true },
]);
const { trackingId } = await personalize.send(new control.CreateEventTrackerCommand({ name: "films", datasetGroupArn }));

// User n watches films 0 to n modulo 20 and once more, so that lower numbers are more popular.
let clock = Date.UTC(2024, 0, 1);
for (let user = 0; user < 60; user += 1) {
  const watched = Array.from({ length: (user % 20) + 1 }, (_, film) => `film${film}`);
  const eventList = [...watched, "film0"].map((itemId) => {
    clock += 1000;
    return { eventType: "watch", itemId, sentAt: new Date(clock), properties: JSON.stringify({ device: "phone" }) };
  });
  while (eventList.length) {
    const batch = { trackingId, userId: `user${user}`, sessionId: "s", eventList: eventList.splice(0, 10) };
    await events.send(new streaming.PutEventsCommand(batch));
  }
}
// Enough of one user to reach the least number of interactions.
for (let number = 0; number < 40; number += 1) {
  const eventList = Array.from({ length: 10 }, () => {
    clock += 1000;
    return { eventType: "watch", itemId: "film0", sentAt: new Date(clock) };
  });
  await events.send(new streaming.PutEventsCommand({ trackingId, userId: "keen", sessionId: "s", eventList }));
}
const items = [{ itemId: "film0", properties: JSON.stringify({ genre: "drama" }) }];
const put = await events.send(new streaming.PutItemsCommand({ datasetArn: itemsArn, items }));

const solution = { name: "films", datasetGroupArn, recipeArn: POPULARITY, performAutoTraining: false };
const { solutionArn } = await personalize.send(new control.CreateSolutionCommand(solution));
const made = await personalize.send(new control.CreateSolutionVersionCommand({ solutionArn }));
const { solutionVersionArn } = made;
const { solutionVersion } = await personalize.send(
  new control.DescribeSolutionVersionCommand({ solutionVersionArn }),
);
const { metrics } = await personalize.send(new control.GetSolutionMetricsCommand({ solutionVersionArn }));
const { campaignArn } = await personalize.send(
  new control.CreateCampaignCommand({ name: "films", solutionVersionArn }),
);
const answer = await runtime.send(new live.GetRecommendationsCommand({ campaignArn, userId: "user1", numResults: 3 }));

let recipes = 0;
const pages = control.paginateListRecipes({ client: personalize, pageSize: 7 }, {});
for await (const page of pages) recipes += page.recipes.length;

const unknown = `${campaignArn}-unknown`;
const refusals = {
  repeated: await refusal(
    personalize,
    new control.CreateDatasetGroupCommand({ name: "films" }),
    (error) => error instanceof control.ResourceAlreadyExistsException,
  ),
  pattern: await refusal(
    personalize,
    new control.CreateDatasetGroupCommand({ name: "no blanks allowed" }),
    (error) => error instanceof control.PersonalizeServiceException,
  ),
  unknown: await refusal(
    runtime,
    new live.GetRecommendationsCommand({ campaignArn: unknown, userId: "u" }),
    (error) => error instanceof live.ResourceNotFoundException,
  ),
  tracker: await refusal(
    events,
    new streaming.PutEventsCommand({
      trackingId: "none",
      sessionId: "s",
      eventList: [{ eventType: "watch", itemId: "film0", sentAt: new Date(clock) }],
    }),
    (error) => error instanceof streaming.InvalidInputException,
  ),
  noData: await refusal(
    personalize,
    new control.CreateDatasetImportJobCommand({
      jobName: "films",
      datasetArn: itemsArn,
      dataSource: { dataLocation: "s3://no-such-bucket/films.csv" },
      roleArn: ROLE,
    }),
    (error) => error instanceof control.InvalidInputException,
  ),
};

console.log(
  JSON.stringify({
    group: described.datasetGroup.status,
    created: described.datasetGroup.creationDateTime instanceof Date,
    put: put.$metadata.httpStatusCode,
    version: solutionVersion.status,
    reason: solutionVersion.failureReason,
    metrics: Object.values(metrics).every((value) => typeof value === "number"),
    items: answer.itemList.map((item) => item.itemId),
    recommendationId: answer.recommendationId,
    recipes,
    refusals,
  }),
);
