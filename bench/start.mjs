import { summarise } from './rounds.mjs';
import { startGatehouse } from './servers.mjs';
import { plan } from './settings.mjs';

/** Seconds from spawn to the first 200 of /readyz, with a database that has been migrated already. */
export async function measureStart({ common, progress }) {
  const seconds = [];
  for (let round = 1; round <= plan.start.rounds; round++) {
    progress(`cold start, ${round} of ${plan.start.rounds}`);
    const service = await startGatehouse(common);
    seconds.push(service.readyMs / 1000);
    await service.stop();
  }
  return summarise(seconds);
}
