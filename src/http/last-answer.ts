import type { Server } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import fp from 'fastify-plugin';
import type { Lifecycle } from './health.ts';

/**
 * From the moment that the process is told to end, each answer says that it is the last of its connection: a client that
 * goes on sends its next request on a new connection, to whoever gets traffic then, and none meets one that has just
 * been closed.
 */
export default fp<{ lifecycle: Lifecycle }>(
  async (app, { lifecycle }) => {
    app.addHook('onSend', ({ raw }, reply, _payload, done) => {
      if (lifecycle.phase !== 'draining') return done();
      // Once all that has arrived is parsed: pipelined requests are all to be answered, and Node drops the answers that
      // come after one which says that it is the last
      setImmediate(() => {
        if (app.connections.endWith(raw)) reply.raw.setHeader('connection', 'close');
        else reply.raw.removeHeader('connection');
        done();
      });
    });
  },
  { name: 'last-answer', dependencies: ['connections'] },
);

// Milliseconds; clients that never stop coming have to be left out in the end
const acceptBoundMs = 1000;

/**
 * Takes in the connections that clients have opened already: the kernel resets those that still wait when the listener
 * closes. Node accepts one in a turn of its event loop, so that a busy process has many waiting. To be run right before.
 */
export async function acceptWaiting(server: Server): Promise<void> {
  let accepted: number;
  let sofar = 0;
  const count = () => {
    sofar += 1;
  };
  server.on('connection', count);
  const end = performance.now() + acceptBoundMs;
  do {
    accepted = sofar;
    // What the first turn acts on may have been polled for before
    await turn();
    await turn();
  } while (sofar > accepted && performance.now() < end);
  server.off('connection', count);
}
