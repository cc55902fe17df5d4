import { shutdownDelayMs } from '../config/config.ts';
import { takeOver } from '../config/handover.ts';
import { closeBoundMs, live } from '../lifetime.ts';
import { serve } from '../serve.ts';
import { Member, tellFailure } from './member.ts';

// The program of a worker, which the primary starts

// Milliseconds before the primary kills whoever is left, in which one that closes for too long ends by itself and says so
const marginMs = 1000;

const { config, hashThreads } = takeOver();
const closeAfterMs = shutdownDelayMs(config);
await live(
  config,
  (service) => {
    const member = new Member(() => service.end());
    return serve(config, service, { member, hashThreads });
  },
  { closeAfterMs, boundMs: closeAfterMs + closeBoundMs - marginMs, explain: tellFailure },
);
