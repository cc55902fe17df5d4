import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const isRoot = () => process.getuid?.() === 0;

const abilities = {
  root: isRoot,
  netns: () => ['ip', 'nsenter', 'nft'].every(isOnPath) && isRoot() && canMakeNetwork(),
  tmpfs: () => isOnPath('mount') && isRoot() && canMount(),
  proc: () => process.platform === 'linux',
};

/** What of this is not to be had here: programs on PATH, or 'root', 'netns', 'tmpfs', 'proc', or 'files:6000', open at once. */
export function missing(needs) {
  return needs.filter((need) => !isThere(need));
}

function isThere(need) {
  const [, files] = /^files:(\d+)$/.exec(need) ?? [];
  if (files) return openFilesLimit() >= Number(files);
  return abilities[need] ? abilities[need]() : isOnPath(need);
}

/** Of this process and those that it starts; Node raises the soft limit to the hard one as it starts. */
function openFilesLimit() {
  // Without the names of hosts, which would be looked up
  const report = Object.assign(process.report, { excludeNetwork: true });
  const { soft } = report.getReport().userLimits?.open_files ?? {};
  return soft === 'unlimited' || soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function canMakeNetwork() {
  const name = `gh${randomBytes(4).toString('hex')}`;
  return succeeds(
    ['ip', 'netns', 'add', name],
    ['nsenter', `--net=/run/netns/${name}`, 'nft', 'add table inet fault'],
    ['ip', 'netns', 'delete', name],
  );
}

function canMount() {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-mount-'));
  const can = succeeds(['mount', '-t', 'tmpfs', 'none', folder], ['umount', folder]);
  rmdirSync(folder);
  return can;
}

/** Runs all, whatever becomes of the ones before. */
function succeeds(...commands) {
  return commands
    .map(([file, ...args]) => {
      try {
        execFileSync(file, args, { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    })
    .every(Boolean);
}
