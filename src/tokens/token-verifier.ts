import type { VerificationKey } from '../keys/key.ts';
import { createJwsVerifier, parseJsonObject } from './jws.ts';
import { TokenError } from './token-error.ts';

/** A JWT's claims, of which those that every token has are known to be right. */
export interface Claims extends Record<string, unknown> {
  iat: number;
  exp: number;
}

export interface TokenRules {
  keys: readonly VerificationKey[];
  /** The `typ` header parameter (RFC 8725 §3.11), such as at+jwt. */
  typ: string;
  /** The only `iss` and `aud` that are accepted; undefined where a kind of token has none. */
  issuer?: string;
  audience?: string;
  /** Claims that must be there, beside iat and exp, and what each must be. */
  claims: Readonly<Record<string, (claim: unknown) => boolean>>;
}

/**
 * Gives a function that verifies one kind of JWT (RFC 7519 §7.2, RFC 8725 §3) and returns its claims. It throws
 * TokenError when anything is wrong, `expired` when that is its age alone.
 */
export function createTokenVerifier(rules: TokenRules): (token: string) => Claims {
  const verifyJws = createJwsVerifier(rules.keys);
  const required = Object.entries(rules.claims);
  const types = [rules.typ, `application/${rules.typ}`];

  return (token) => {
    const { typ, payload } = verifyJws(token);
    // RFC 7515 §4.1.9: a media type, in any case, whose "application/" may be left out
    if (typeof typ !== 'string' || !types.includes(typ.toLowerCase()))
      throw new TokenError('typ is not right');

    const claims = parseJsonObject(payload);
    for (const [name, isRight] of required) {
      if (!isRight(claims[name])) throw new TokenError(`${name} is missing or not of its form`);
    }
    if (rules.issuer !== undefined && claims['iss'] !== rules.issuer) throw new TokenError('iss is not ours');
    if (rules.audience !== undefined && !isFor(rules.audience, claims['aud']))
      throw new TokenError('aud is not us');
    checkTimes(claims);
    return claims;
  };
}

/** RFC 7519 §4.1.3: one audience, or a list that has ours in it. */
function isFor(audience: string, aud: unknown): boolean {
  if (!Array.isArray(aud)) return aud === audience;
  return aud.every((each) => typeof each === 'string') && aud.includes(audience);
}

/** RFC 7519 §4.1.4 to §4.1.6. No leeway: a client that is about to be late refreshes in time. */
function checkTimes(claims: Record<string, unknown>): asserts claims is Claims {
  const { iat, exp, nbf } = claims;
  if (!isNumericDate(iat) || !isNumericDate(exp)) throw new TokenError('iat or exp is not a date');
  if (nbf !== undefined && !isNumericDate(nbf)) throw new TokenError('nbf is not a date');
  const now = Date.now() / 1000;
  if (nbf !== undefined && now < nbf) throw new TokenError('not valid yet');
  if (now >= exp) throw new TokenError('expired', { expired: true });
}

/** RFC 7519 §2: seconds since 1970, with or without a fraction. */
function isNumericDate(claim: unknown): claim is number {
  return typeof claim === 'number' && claim >= 0 && claim <= Number.MAX_SAFE_INTEGER;
}
