import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A gateway or resource server that may introspect and revoke tokens. */
export interface Client {
  id: string;
  /** SHA-256 of its secret. */
  secretHash: Buffer;
}

// The hash is what stands behind the last colon, so that an id may be a URN or a URL
const entryPattern = /^([^\s\p{C}]+):([0-9a-f]{64})$/u;

/** Reads "id:hash", the hash being the SHA-256 of the secret in lower-case hex. Undefined when it is of another form. */
export function parseClient(entry: string): Client | undefined {
  const [, id, hash] = entryPattern.exec(entry) ?? [];
  return id === undefined || hash === undefined ? undefined : { id, secretHash: Buffer.from(hash, 'hex') };
}

/**
 * What is compared in place of a secret. Secrets are long and random, so a plain hash is enough (as ASVS 5.0 6.5.2 has it
 * for lookup secrets of 112 bits or more).
 */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

export class ClientRegistry {
  readonly #hashes: ReadonlyMap<string, Buffer>;
  readonly #nobodys = randomBytes(32);

  constructor(clients: readonly Client[]) {
    this.#hashes = new Map(clients.map(({ id, secretHash }) => [id, secretHash]));
  }

  has(id: string): boolean {
    return this.#hashes.has(id);
  }

  /** Whether there is such a client and this is its secret. The time it takes tells neither. */
  verify(id: string, secret: string): boolean {
    const known = this.#hashes.get(id);
    const matches = timingSafeEqual(hashSecret(secret), known ?? this.#nobodys);
    return known !== undefined && matches;
  }
}
