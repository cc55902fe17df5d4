// What becomes of a load that is more than the service can carry: see README.md. Writes docs/overload.md's table and picture.
// Exits with 1 when a bar is missed.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../scripts/build.mjs';
import { openDatabase } from '../scripts/database.mjs';
import { readArguments } from './arguments.mjs';
import { setApart } from './cores.mjs';
import { defaultOf } from './defaults.mjs';
import { startGuard } from './guard.mjs';
import { interruption } from './interruption.mjs';
import { describeCode, describeMachine, nameCode } from './machine.mjs';
import { startOpenLoop } from './open-loop.mjs';
import { openings } from './openings.mjs';
import { chart, page } from './overload-page.mjs';
import { openSessions, registerUsers } from './people.mjs';
import { startGatehouse } from './servers.mjs';
import { quantile } from './statistics.mjs';

const usage = `npm run bench:overload              writes docs/overload.md and its picture, in some four minutes
npm run bench:overload -- --quick   shows that it works, and writes nothing`;
const { quick } = readArguments(usage, { quick: { type: 'boolean', default: false } }).values;

const shares = { me: 0.85, refresh: 0.149, login: 0.001 };
const factors = [0.5, 1, 1.5, 2, 3];
const plan = quick
  ? { rampFrom: 100, rampTo: 200, rampSeconds: 1, warmUpRate: 500, warmUpSeconds: 1, rounds: 1, seconds: 2 }
  : {
      rampFrom: 300,
      rampTo: 50_000,
      rampSeconds: 2,
      warmUpRate: 4000,
      warmUpSeconds: 10,
      rounds: 7,
      seconds: 3,
    };
const growth = 1.3;
// Of a load that is sustained: nearly all is answered, and soon
const sustained = { share: 0.99, p99Ms: 250 };
const deadlineMs = defaultOf('REQUEST_DEADLINE_MS');
// Milliseconds for which what is answered at the deadline is on its way
const onItsWayMs = 250;
const bars = { goodputShare: 0.9, servedShare: 0.99, slowestMs: deadlineMs + onItsWayMs };
// Milliseconds by which 99 % of requests may be sent late: beyond that, it is the client that cannot carry the load
const clientLateMs = 100;
const boundSeconds = 240;

const progress = (message) => console.error(`bench: ${message}`);
const { open, closeAll } = openings(progress);

async function measure() {
  // Counted before, as this process is given fewer
  const cores = availableParallelism();
  const apart = setApart();
  const remove = async (folder) => rmSync(folder, { recursive: true, force: true });
  const folder = await open(mkdtempSync(path.join(tmpdir(), 'gatehouse-bench-')), remove);
  const serverUrl = process.env.DATABASE_URL;
  const database = await open(
    openDatabase({ purpose: 'overload', serverUrl, onProgress: progress }),
    (each) => each.close(),
  );
  const commit = nameCode(describeCode());
  const machine = { ...(await describeMachine(database)), commit, cores, serviceCores: apart?.cores };
  const secrets = {
    SECRET_KEY: randomBytes(32).toString('base64url'),
    REFRESH_TOKEN_SECRET: randomBytes(32).toString('base64url'),
  };
  const guard = await open(startGuard());
  const service = await open(startGatehouse({ folder, databaseUrl: database.url, secrets, guard }));
  const client = await open(startOpenLoop());
  apart?.moveClient(client);
  progress('registering users');
  const users = await registerUsers(service.url, 8);
  const sessions = await openSessions(service.url, users.slice(0, 6), 60);
  const port = Number(new URL(service.url).port);
  // Not the users of the sessions: each login may end the oldest
  await client.hold({ port, sessions, credentials: users.slice(6) });
  await client.offer({ rate: 200, seconds: 1, shares });

  const offer = async (rate, seconds) => {
    const result = summed(seconds, await client.offer({ rate, seconds, shares }));
    await sleep(500);
    return result;
  };
  progress('warming up: answers and refusals');
  await offer(plan.warmUpRate, plan.warmUpSeconds);
  const sustainable = await ramp(offer);
  const all = [];
  for (let round = 1; round <= plan.rounds; round++) {
    progress(
      `round ${round} of ${plan.rounds}, to ${Math.round(sustainable * Math.max(...factors))} requests a second`,
    );
    const points = [];
    for (const factor of factors)
      points.push({ factor, ...(await offer(sustainable * factor, plan.seconds)) });
    const peak = Math.max(...points.map(({ goodput }) => goodput));
    all.push(...points.map((point) => ({ ...point, ofPeak: point.goodput / peak })));
  }
  const { rounds, seconds } = plan;
  return {
    machine,
    shares,
    sustainable,
    deadlineMs,
    rounds,
    seconds,
    points: factors.map((factor) => middle(all, factor)),
  };
}

/** Of the rounds at this load, the one that is in the middle by its part of the peak: the machine is not equally fast all the time. */
function middle(all, factor) {
  const rounds = all.filter((each) => each.factor === factor).sort((a, b) => a.ofPeak - b.ofPeak);
  return { ...rounds[Math.floor(rounds.length / 2)], least: rounds[0].ofPeak, most: rounds.at(-1).ofPeak };
}

/** The highest rate of a rising row that is sustained; requests per second. */
async function ramp(offer) {
  let carried;
  const isSustained = async (rate) => {
    const { goodput, offered, p99 } = await offer(rate, plan.rampSeconds);
    progress(`${Math.round(rate)} a second: ${Math.round(goodput)} answered, p99 ${Math.round(p99)} ms`);
    return goodput >= offered * sustained.share && p99 <= sustained.p99Ms;
  };
  for (let rate = plan.rampFrom; rate <= plan.rampTo; rate *= growth) {
    // Something else may have had the machine
    if (!(await isSustained(rate)) && !(await isSustained(rate))) break;
    carried = rate;
  }
  if (carried === undefined)
    throw new Error(`not even ${plan.rampFrom} requests a second are sustained here`);
  return carried;
}

function summed(seconds, { answers, late }) {
  const isGood = ({ status, ms }) => status === 200 && ms <= deadlineMs;
  const good = answers.filter(isGood);
  const times = answers.filter(({ status }) => status === 200).map(({ ms }) => ms);
  const admitted = answers.filter(({ isRefused }) => !isRefused);
  const byKind = Object.fromEntries(
    Object.keys(shares).map((kind) => {
      const all = answers.filter((each) => each.kind === kind);
      return [kind, { offered: all.length / seconds, good: all.filter(isGood).length / seconds }];
    }),
  );
  return {
    offered: answers.length / seconds,
    goodput: good.length / seconds,
    p50: quantile(times, 0.5) ?? 0,
    p99: quantile(times, 0.99) ?? 0,
    slowest: Math.max(0, ...admitted.map(({ ms }) => ms)),
    admitted: admitted.length,
    served: admitted.filter(isGood).length,
    unserved: countBy(
      admitted.filter((each) => !isGood(each)),
      nameOf,
    ),
    late: quantile(late, 0.99) ?? 0,
    byKind,
  };
}

function nameOf({ kind, status, code, ms }) {
  if (status === 200) return `a ${kind} 200 after ${Math.round(ms)} ms`;
  return `a ${kind} ${status > 0 ? `${status} ${code}` : 'without an answer'}`;
}

function countBy(all, nameOfEach) {
  const counts = {};
  for (const each of all) counts[nameOfEach(each)] = (counts[nameOfEach(each)] ?? 0) + 1;
  return counts;
}

function judge({ points }) {
  const twice = points.find(({ factor }) => factor === 2);
  const late = Math.max(...points.map((each) => each.late));
  return [
    {
      name: 'goodput at 2 × the sustainable load',
      value: `${Math.round(twice.ofPeak * 100)} % of the peak`,
      passes: twice.ofPeak >= bars.goodputShare,
    },
    {
      name: 'of what was admitted then, answered 200 within the deadline',
      value: `${twice.served} of ${twice.admitted}${others(twice.unserved)}; the last answer of all after ${Math.round(twice.slowest)} ms`,
      passes: twice.served >= twice.admitted * bars.servedShare && twice.slowest <= bars.slowestMs,
    },
    {
      name: 'how late the client sent, 99 % of its requests',
      value: `${Math.round(late)} ms at most`,
      passes: late <= clientLateMs,
    },
  ];
}

function others(unserved) {
  const named = Object.entries(unserved).map(([name, times]) => `${times} × ${name}`);
  return named.length === 0 ? '' : ` (the others: ${named.join(', ')})`;
}

try {
  const result = await Promise.race([measure(), interruption(boundSeconds)]);
  result.verdicts = judge(result);
  const text = page(result);
  console.log(text);
  if (quick) progress('every part works; a quick run holds nothing to the bars, as its figures mean nothing');
  else {
    writeFileSync(path.join(root, 'docs', 'overload.md'), text);
    writeFileSync(path.join(root, 'docs', 'images', 'overload.svg'), chart(result));
    if (!result.verdicts.every(({ passes }) => passes)) process.exitCode = 1;
  }
} catch (error) {
  progress(error.message);
  process.exitCode = 1;
} finally {
  await closeAll();
}
process.exit();
