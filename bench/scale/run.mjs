// Measures the statements of the service against many users and against few: see README.md. Exits with 1 when a bar is
// missed or something could not be measured.

import { readFileSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import path from 'node:path';
import { interruption } from '../interruption.mjs';
import { describeCode, describeMachine, nameCode } from '../machine.mjs';
import { openings } from '../openings.mjs';
import { openDatabases } from './databases.mjs';
import { people, planning } from './day-inputs.mjs';
import { renderDay } from './day-report.mjs';
import { checkDisk } from './disk.mjs';
import { measureBacklog, measureLatencies } from './latency.mjs';
import { connect, load } from './load.mjs';
import { measuredBy, measuredFile } from './measured.mjs';
import { checkPlans } from './plans-at-size.mjs';
import { populationOf } from './population.mjs';
import { render, save } from './report.mjs';
import { dayFiles, dayOnly, plan, quick } from './settings.mjs';
import { measureHours, measureWal, sizesOf } from './storage.mjs';
import { warm } from './warm.mjs';

const began = performance.now();
const progress = (message) => console.error(`bench:scale: ${message}`);
const { open, closeAll } = openings(progress);

async function measure() {
  const databases = await open(openDatabases({ progress }), (each) => each.close());
  await checkDisk({ databases, sizes: [plan.big, plan.small], quick, progress });
  const date = new Date().toISOString();
  const machine = {
    ...(await describeMachine(databases)),
    ...(await memory(databases)),
    commit: nameCode(describeCode()),
  };

  const loadedAt = Date.now();
  const sideOf = (url, size) => ({ url, population: populationOf({ ...size, loadedAt }) });
  const big = sideOf(databases.urls.big, plan.big);
  const small = sideOf(databases.urls.small, plan.small);
  for (const side of [small, big]) await load({ ...side, progress });
  const loadSeconds = (performance.now() - began) / 1000;

  const client = await open(connect(big.url), (each) => each.end());
  const sizes = await sizesOf(client);
  const plans = await checkPlans(client, big.population);
  const warmed = await warm(client);
  const checkpoint = () => client.query('CHECKPOINT');
  const latencies = await measureLatencies({ small, big, checkpoint, progress });
  const backlog = await measureBacklog(big);
  const wal = await measureWal({ ...big, progress });
  const hours = await measureHours({ ...big, progress });
  return { date, machine, size: plan, loadSeconds, sizes, warmed, plans, latencies, backlog, wal, hours };
}

async function memory({ ask }) {
  const { buffers, huge } = await ask(
    `SELECT current_setting('shared_buffers') AS buffers, current_setting('huge_pages_status', true) AS huge`,
  );
  // Postgres tells since 17
  return { buffers, hugePages: huge ?? 'unknown', memoryBytes: totalmem() };
}

async function main() {
  const result = await Promise.race([measure(), interruption(plan.boundSeconds)]);
  result.seconds = (performance.now() - began) / 1000;
  console.log(render(result));
  const faults = result.plans.flatMap((each) => each.faults);
  if (quick) {
    progress('every part works; a quick run holds nothing to the bars, as its figures mean nothing');
    return faults.length === 0;
  }
  progress(`everything measured is in ${path.relative(process.cwd(), save(result))}`);
  return faults.length === 0 && result.latencies.every(({ passes }) => passes);
}

/** Reckons the day; from two results it first writes down what was measured, for all that is reckoned later. */
function reckon() {
  const [scaleFile, benchFile] = dayFiles;
  if (scaleFile !== undefined) {
    const [scale, bench] = [scaleFile, benchFile].map((file) => JSON.parse(readFileSync(file, 'utf8')));
    const measured = measuredBy(scale, bench);
    writeFileSync(measuredFile, `${JSON.stringify(measured, null, 2)}\n`);
    console.log(Object.values(renderDay({ measured, people, planning })).join('\n\n'));
    return;
  }
  console.log(Object.values(renderDay()).join('\n\n'));
}

try {
  if (dayOnly || quick) reckon();
  if (!dayOnly) process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  progress(error.message);
  process.exitCode = 1;
} finally {
  await closeAll();
}
// What an interrupted measurement still waits for would keep the process alive
process.exit();
