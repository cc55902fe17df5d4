import { LruMap } from 'toad-cache';
import { networkOf } from '../address.ts';
import type { LimitKeys } from './limit-keys.ts';

const minuteMs = 60_000;
const accountsInMemory = 1000;
const addressesInMemory = 20_000;

/** Of how many accounts one address makes us ask the database, in a minute. */
export const questionsPerMinute = 60;

/**
 * Where accounts have sessions. Whoever is limited makes little work for the database, however many accounts they name, and cannot
 * measure whether it was much: of one account it is asked once a minute, wherever they come from.
 */
export class SessionNetworks {
  readonly #keys: LimitKeys;
  readonly #addressesOf: (email: string) => Promise<string[]>;
  readonly #answers = new LruMap<Promise<ReadonlySet<string>>>(accountsInMemory, minuteMs);
  readonly #questions = new LruMap<{ asked: number }>(addressesInMemory, minuteMs);

  constructor(keys: LimitKeys, addressesOf: (email: string) => Promise<string[]>) {
    this.#keys = keys;
    this.#addressesOf = addressesOf;
  }

  /** Whether the account has a session from the network of this address; false when too much has been asked from there. */
  async include(email: string, address: string): Promise<boolean> {
    const network = networkOf(address);
    const account = this.#keys.of('sessions', email);
    const networks = this.#answers.get(account) ?? (this.#mayAsk(network) && this.#ask(account, email));
    return networks !== false && (await networks).has(network);
  }

  #mayAsk(network: string): boolean {
    const key = this.#keys.of('sessions', network);
    const questions = this.#questions.get(key) ?? { asked: 0 };
    // The minute begins with the first
    if (questions.asked === 0) this.#questions.set(key, questions);
    questions.asked += 1;
    return questions.asked <= questionsPerMinute;
  }

  #ask(account: string, email: string): Promise<ReadonlySet<string>> {
    const answer = this.#addressesOf(email).then((addresses) => new Set(addresses.map(networkOf)));
    this.#answers.set(account, answer);
    answer.catch(() => this.#answers.delete(account));
    return answer;
  }
}
