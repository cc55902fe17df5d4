// Dot-atom local part (RFC 5322 §3.2.3) and host labels (RFC 5321 §4.1.2), either with letters of any script
// (RFC 6531 §3.3). No quoted local parts and no address literals: nobody's account has one, and every system that
// the address passes on to would have to cope.
const localPart = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u;
const label = /^[\p{L}\p{N}]([\p{L}\p{M}\p{N}-]*[\p{L}\p{M}\p{N}])?$/u;
const allDigits = /^\d+$/;

// RFC 5321 §4.5.3.1, in octets
const maxLocalPart = 64;
const maxDomain = 255;
const maxAddress = 254;
const maxLabel = 63;

/** The form emails are stored and compared in. Mailbox names that differ only by case are taken for the same. */
export function normaliseEmail(email: string): string {
  // Lower case may leave NFC
  return email.normalize('NFC').toLowerCase().normalize('NFC');
}

/** True for an address of the form that mail can be sent to. */
export function isEmail(text: string): boolean {
  const address = normaliseEmail(text);
  const at = address.indexOf('@');
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  if (at < 1 || octets(address) > maxAddress || octets(local) > maxLocalPart) return false;
  if (octets(domain) > maxDomain || !localPart.test(local)) return false;
  const labels = domain.split('.');
  if (labels.length < 2 || allDigits.test(labels.at(-1) ?? '')) return false;
  return labels.every((each) => octets(each) <= maxLabel && label.test(each));
}

function octets(text: string): number {
  return Buffer.byteLength(text);
}
