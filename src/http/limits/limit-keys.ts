import { createHmac, hkdfSync } from 'node:crypto';

/**
 * The names under which attempts are counted. An email or token cannot be guessed from one without the secret, whoever
 * reads what is in Redis. All replicas have the same.
 */
export class LimitKeys {
  readonly #key: Buffer;

  constructor(secret: string) {
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', 'gatehouse rate limits', 32));
  }

  of(...parts: string[]): string {
    return createHmac('sha256', this.#key).update(JSON.stringify(parts)).digest('base64url');
  }
}
