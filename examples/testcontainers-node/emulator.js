// The emulator in a container, for as long as the tests of a file run.
const PORT = 4577;

/**
 * Start the emulator and wait until it is ready, start files included.
 * @param {string} [image] made by `docker build -t personalize-emu ../..`
 */
export async function startEmulator(image = "personalize-emu") {
  // Here, so that tests against a server that runs already do not need it.
  const { GenericContainer, Wait } = await import("testcontainers");
  const container = await new GenericContainer(image)
    .withCommand(["serve", "--host", "0.0.0.0", "--pace", "instant"])
    .withExposedPorts(PORT)
    .withWaitStrategy(Wait.forHttp("/_emu/health", PORT).forStatusCode(200))
    .start();
  return new Emulator(`http://${container.getHost()}:${container.getMappedPort(PORT)}`, () => container.stop());
}

export class Emulator {
  /**
   * @param {string} url
   * @param {() => Promise<unknown>} stop
   */
  constructor(url, stop) {
    this.url = url;
    this.stop = stop;
  }

  /** Settings of clients of the AWS SDK. */
  get client() {
    const credentials = { accessKeyId: "personalize-emu", secretAccessKey: "personalize-emu" };
    return { endpoint: this.url, region: "us-east-1", credentials };
  }

  /** Delete everything. */
  async reset() {
    await this.#post("reset", {});
  }

  /**
   * Declare a campaign that answers without data; returns its ARN.
   * @param {string} name
   * @param {string[]} items
   * @returns {Promise<string>}
   */
  async campaign(name, items) {
    return (await this.#post("answers", { campaign: name, items })).campaignArn;
  }

  /**
   * Let calls fail, e.g. `{ operation: "PutEvents", error: "ThrottlingException", times: 2 }`.
   * @param {Record<string, unknown>} fault
   */
  async fail(fault) {
    await this.#post("faults", fault);
  }

  /**
   * @param {string} route
   * @param {unknown} body
   * @returns {Promise<any>}
   */
  async #post(route, body) {
    const answer = await fetch(`${this.url}/_emu/${route}`, { method: "POST", body: JSON.stringify(body) });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    return found;
  }
}
