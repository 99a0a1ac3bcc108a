// The routes below /_emu of the server at AWS_ENDPOINT_URL that the tests use.
const url = process.env.AWS_ENDPOINT_URL;

async function call(method, route, body) {
  const answer = await fetch(`${url}/_emu/${route}`, { method, body: body && JSON.stringify(body) });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

export const reset = () => call("POST", "reset");
export const campaign = async (name, items) => (await call("POST", "answers", { campaign: name, items })).campaignArn;
export const recommend = (declared) => call("POST", "answers", declared);
export const fail = (fault) => call("POST", "faults", fault);
export const hits = async (id) => (await call("GET", "faults")).faults.find((fault) => fault.id === id).hits;
export const calls = async (operation) => (await call("GET", `calls?operation=${operation}`)).calls;
