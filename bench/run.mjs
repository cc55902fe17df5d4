// Measures what the service promises about its speed, on one machine in one run: see README.md. Exits with 1 when a
// bar is missed or nothing could be measured.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openSessions, registerUsers } from './accounts.mjs';
import { measureCost } from './cost.mjs';
import { openDatabase } from './database.mjs';
import { startFloor } from './floor-process.mjs';
import { startLoad } from './load.mjs';
import { describeMachine } from './machine.mjs';
import { judge, render, save } from './report.mjs';
import { startService } from './service.mjs';
import { newSecrets, plan } from './settings.mjs';
import { measureStorm } from './storm.mjs';

/** What has been started, newest last; each is undone by its function. */
const opened = [];
const began = performance.now();
const progress = (message) => console.error(`bench: ${message}`);

async function started(starting, undo) {
  const thing = await starting;
  opened.push(() => undo(thing));
  return thing;
}

async function closeAll() {
  for (const close of opened.splice(0).reverse()) await close().catch((error) => progress(error.message));
}

async function measure() {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-bench-'));
  opened.push(async () => rmSync(folder, { recursive: true, force: true }));
  const database = await started(openDatabase(progress), (each) => each.close());
  const machine = await describeMachine(database);
  const common = { folder, databaseUrl: database.url, secrets: newSecrets() };
  const load = await started(startLoad(), (each) => each.stop());

  let service = await started(startService(common), (each) => each.stop());
  const floor = await started(startFloor(common), (each) => each.stop());
  const credentials = await registerUsers(service.url, 8);
  const sessions = await openSessions(service.url, credentials, plan.connections);
  const costs = await measureCost({ service, floor, load, sessions, progress });
  await floor.stop();
  await service.stop();

  const storms = [];
  for (const engine of ['native', 'bcryptjs']) {
    service = await started(startService({ ...common, engine }), (each) => each.stop());
    storms.push(await measureStorm({ service, load, credentials, sessions, engine, progress }));
    await service.stop();
  }
  return { machine, costs, storms };
}

/** Rejects on Ctrl-C, on SIGTERM and when the run takes too long. */
function interruption() {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, () => reject(new Error(`stopped by ${signal}`)));
    }
    const late = () => reject(new Error(`not done after ${plan.boundSeconds} s`));
    setTimeout(late, plan.boundSeconds * 1000).unref();
  });
}

try {
  const result = await Promise.race([measure(), interruption()]);
  result.verdicts = judge(result);
  result.seconds = (performance.now() - began) / 1000;
  console.log(render(result));
  progress(`everything measured is in ${path.relative(process.cwd(), save(result))}`);
  process.exitCode = result.verdicts.every(({ passes }) => passes) ? 0 : 1;
} catch (error) {
  progress(error.message);
  process.exitCode = 1;
} finally {
  await closeAll();
}
// What an interrupted measurement still waits for would keep the process alive
process.exit();
