import { isIP } from 'node:net';
import { normalizeIP } from '@fastify/rate-limit';

const withPort = /^(?:(\d+(?:\.\d+){3})|\[([^\]]+)\]):\d+$/;

/**
 * An address as a proxy may have written it, without the port that some add and without a zone; null when it is none. RFC 7239 §6.1
 * has the port of IPv6 addresses behind brackets.
 */
export function addressOf(written: string): string | null {
  const [, v4, v6] = withPort.exec(written) ?? [];
  const [address = ''] = (v4 ?? v6 ?? written).split('%');
  return isIP(address) === 0 ? null : address;
}

/**
 * What is counted as one address: an IPv4 address, or the /64 network of an IPv6 address, as that is the least that one
 * subscriber gets (RFC 6177 §2). Whatever else a trusted proxy names is taken as it is.
 */
export function networkOf(written: string): string {
  const address = addressOf(written);
  return address === null ? written : normalizeIP(address);
}
