// Loaded into each measured server with --import: tells over IPC what CPU time the process has used.
import { isMainThread } from 'node:worker_threads';

// Worker threads load it too, and have no channel of their own
if (isMainThread && process.channel) {
  process.on('message', (question) => {
    const { user, system } = process.cpuUsage();
    if (question === 'cpu') process.send({ cpuMicros: user + system });
  });
  // No server may outlive a run that was killed
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}
