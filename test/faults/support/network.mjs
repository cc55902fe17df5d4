import { execFileSync, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { own } from './belongings.mjs';

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });

/**
 * A network namespace, joined to this one by a pair of virtual interfaces: what runs in it can be cut off, packet by packet,
 * without touching the rules of this machine. Needs root, iproute2, nsenter and nftables.
 */
export function createNetwork() {
  const name = `gh${randomBytes(4).toString('hex')}`;
  const subnet = `10.213.${randomInt(256)}.${4 * randomInt(64)}`;
  const [hostAddress, address] = [1, 2].map((offset) =>
    subnet.replace(/\d+$/, (last) => Number(last) + offset),
  );
  const inside = (...command) =>
    execFileSync('nsenter', [`--net=/run/netns/${name}`, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  own('network', name);
  ip('netns', 'add', name);
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'inside', 'netns', name);
  ip('address', 'add', `${hostAddress}/30`, 'dev', name);
  ip('link', 'set', name, 'up');
  inside('ip', 'address', 'add', `${address}/30`, 'dev', 'inside');
  inside('ip', 'link', 'set', 'inside', 'up');
  inside('ip', 'link', 'set', 'lo', 'up');
  return {
    /** Of this side, and of the one inside. */
    hostAddress,
    address,
    /** Starts a program inside, as an account of this machine or as ourselves. */
    start([file, ...args], { account, cwd, output }) {
      const user = account ? ['-S', String(account.uid), '-G', String(account.gid)] : [];
      return spawn('nsenter', [`--net=/run/netns/${name}`, ...user, file, ...args], {
        cwd,
        stdio: ['ignore', output, output],
        env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      });
    },
    /**
     * Every packet in these directions is dropped from now on, those of connections that exist too, and nobody is told.
     * They are seen from inside: "output" is what answers.
     */
    drop(hooks = ['input', 'output']) {
      inside('nft', 'add table inet fault');
      for (const hook of hooks) {
        inside('nft', `add chain inet fault ${hook} { type filter hook ${hook} priority 0; policy drop; }`);
      }
    },
    restore: () => inside('nft', 'delete table inet fault'),
  };
}
