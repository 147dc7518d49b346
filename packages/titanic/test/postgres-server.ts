import { PostgresServer } from "../../../test/harness/postgres.js";
import { PostgresStore, type PostgresStoreOptions } from "../src/postgres.js";

export { hasPostgres } from "../../../test/harness/postgres.js";

/** A server for the tests of one file; each of them has a schema of its own. */
export class TestDatabase implements AsyncDisposable {
  readonly server: PostgresServer;
  #schemas = 0;

  private constructor(server: PostgresServer) {
    this.server = server;
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<TestDatabase> {
    return new TestDatabase(await PostgresServer.start({ settings }));
  }

  /** The name of a schema that is not there yet. */
  newSchema(): string {
    this.#schemas += 1;
    return `titanic_${this.#schemas}`;
  }

  /** A store that is not open yet. */
  store(schema: string, options: PostgresStoreOptions = {}): PostgresStore {
    return new PostgresStore({ connectionString: this.server.url(), schema, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}
