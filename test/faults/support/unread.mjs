import { bufferedBytes } from './measure.mjs';
import { head } from './requests.mjs';

const target = '/openapi.yaml';
// One, and those that may wait behind it: some 5 MB, where a Linux with its usual settings takes some 4 MB off the service
const most = 33;

/**
 * What a client asks for that means to read none of it: as many requests as may be pipelined, for the largest answer there is.
 *
 * @returns {Promise<{ requests: string, bytes: number }>} `bytes` of the answers, without their headers
 */
export async function unreadRequests(origin) {
  const answer = await fetch(`${origin}${target}`, { headers: { 'accept-encoding': 'identity' } });
  const { byteLength } = await answer.arrayBuffer();
  return { requests: head('GET', target).repeat(most), bytes: most * byteLength };
}

/**
 * Whether the service is still burdened with the answers: the buffers of the system have taken some, and not all of any client.
 *
 * @param {object[]} members of a swarm
 * @returns {string[]} what is wrong
 */
export function unburdened({ port }, members, bytes) {
  const taken = bufferedBytes(
    port,
    members.map(({ socket }) => socket),
  );
  const gone = taken.filter(Number.isNaN).length;
  const whole = taken.filter((each) => each >= bytes).length;
  const none = taken.filter((each) => each === 0).length;
  return [
    ...(gone > 0 ? [`${gone} of ${members.length} that read nothing were cut off too soon`] : []),
    ...(whole > 0 ? [`of ${whole} of ${members.length} the system had room for all ${bytes} bytes`] : []),
    ...(none > 0 ? [`${none} of ${members.length} were sent nothing`] : []),
  ];
}
