// RFC 9110 §5.6.7: the one form that may be sent. The two obsolete ones nothing has sent for decades
const imfFixdate =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * The seconds that a Retry-After asks for (RFC 9110 §10.2.3): a number of them, or a date, which is compared with that of the answer
 * where this can be read. Undefined when it is neither.
 */
export function readRetryAfter(headers: Headers): number | undefined {
  const value = headers.get('retry-after') ?? '';
  if (/^\d+$/.test(value)) return Number(value);
  const date = readDate(value);
  if (date === undefined) return undefined;
  const answeredAt = readDate(headers.get('date') ?? '') ?? Date.now();
  return Math.max(0, date - answeredAt) / 1000;
}

/** Milliseconds since 1970. */
function readDate(value: string): number | undefined {
  const date = imfFixdate.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}
