import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';

/**
 * What makes a secret unfit to sign tokens, as the end of a sentence that begins with its name; undefined when nothing
 * does. Entropy cannot be measured from one value: this finds what people do paste.
 */
export function weaknessOf(secret: string, minBytes: number): string | undefined {
  if (Buffer.byteLength(secret) < minBytes)
    return `must be at least ${minBytes} bytes long (try: openssl rand -base64 ${minBytes})`;
  if (isKeyMaterial(secret))
    return 'is a public or private key, not a secret: JWT_PRIVATE_KEY_FILE takes the path of a file with a key pair';
  if (/[,\r\n]|^\s|\s$/.test(secret))
    return 'has a comma, a line break, or white space around it, and could not be listed among previous ones later';
  if (wellKnown.has(secret) || placeholder.test(secret))
    return 'is a well-known example, which anyone would try first';
  if (isPattern(secret)) return 'is a pattern that anyone could guess; it must be random';
  return undefined;
}

// Printed in widely read documentation and tutorials, and long enough to pass for secrets
const wellKnown = new Set([
  'a-string-secret-at-least-256-bits-long',
  'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
  '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
  '404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970',
  'super-secret-jwt-token-with-at-least-32-characters-long',
  'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
]);
const placeholder =
  /change[-_ ]?(me|this|it)|replace[-_ ]?(me|this|with)|your[-_ ]?(\w+[-_ ]+)*(secret|key)|placeholder|django-insecure|insert[-_ ]?(your|a|the)/i;

/** A public key is no secret, and one used as such lets everyone sign (RFC 8725 §2.1); a private one belongs in a file. */
function isKeyMaterial(secret: string): boolean {
  if (keyText.test(secret)) return true;
  return (['base64', 'hex'] as const).some((encoding) => {
    const bytes = Buffer.from(secret, encoding);
    return keyText.test(bytes.toString('latin1')) || derReaders.some((read) => reads(read, bytes));
  });
}

const keyText = /-----BEGIN |^(ssh|ecdsa)-\S+ |"kty"\s*:/;
const derReaders: ((key: Buffer) => unknown)[] = [
  ...(['spki', 'pkcs1'] as const).map(
    (type) => (key: Buffer) => createPublicKey({ key, format: 'der', type }),
  ),
  ...(['pkcs8', 'pkcs1', 'sec1'] as const).map(
    (type) => (key: Buffer) => createPrivateKey({ key, format: 'der', type }),
  ),
  (certificate) => new X509Certificate(certificate),
];

function reads(read: (key: Buffer) => unknown, bytes: Buffer): boolean {
  try {
    read(bytes);
    return true;
  } catch {
    return false;
  }
}

const minDistinct = 8;

function isPattern(secret: string): boolean {
  if (new Set(secret).size < minDistinct) return true;
  // One text over and over: it meets itself when shifted by at most half its length
  for (let period = 1; period <= secret.length / 2; period++) {
    if (secret.startsWith(secret.slice(period))) return true;
  }
  // Runs such as aaaa, 1234 and zyxw: each character next to the one before
  let steps = 0;
  for (let i = 1; i < secret.length; i++) {
    if (Math.abs(secret.charCodeAt(i) - secret.charCodeAt(i - 1)) <= 1) steps++;
  }
  return steps > (secret.length * 2) / 3;
}
