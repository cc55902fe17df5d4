// Installs and builds as needed, runs the service, and rebuilds and restarts it on each change under src/. When a
// build fails, the service that runs goes on.
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import path from 'node:path';
import { root } from './build.mjs';

const run = (...args) => spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
const ended = (child) =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once('exit', resolve);
  });

let service;
let stopping = false;
let timer;
let queue = Promise.resolve();

async function restart() {
  if ((await ended(run(path.join('scripts', 'prepare.mjs')))) !== 0 || stopping) return;
  service?.kill('SIGTERM');
  if (service) await ended(service);
  if (!stopping) service = run('--enable-source-maps', path.join('dist', 'server.js'));
}

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    queue = queue.then(restart);
  }, 150);
}

// A Ctrl-C reaches the service from the terminal as well, and a second SIGINT would make it give up at once
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, async () => {
    stopping = true;
    if (signal !== 'SIGINT' || !process.stdin.isTTY) service?.kill(signal);
    await queue;
    process.exit(service ? await ended(service) : 0);
  });
}

watch(path.join(root, 'src'), { recursive: true }, schedule);
queue = queue.then(restart);
