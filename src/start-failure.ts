import type { Config } from './config/config.ts';
import { StartError } from './errors.ts';
import { errorCode, isUnavailable, messageOf } from './storage/database-error.ts';

/** Why the process could not start, for the person who started it: a sentence where the cause is known, else the stack. */
export function explainStartFailure(error: unknown): string {
  if (!(error instanceof Error)) return `Gatehouse could not start: ${String(error)}`;
  if (error instanceof StartError) return error.message;
  const state = errorCode(error) ?? '';
  if (['EACCES', 'EPERM', 'EROFS'].includes(state)) {
    return `Gatehouse cannot write here: ${error.message}. Run it as the owner of the folder, or set DATABASE_URL, SECRET_KEY and REFRESH_TOKEN_SECRET.`;
  }
  if (isUnavailable(error) || certificateCodes.test(state)) {
    return `The database cannot be reached: ${messageOf(error)}. Check DATABASE_URL or the DB_ settings.`;
  }
  if (/^[0-9A-Z]{5}$/.test(state)) return `The database refused: ${error.message} (SQLSTATE ${state})`;
  return `Gatehouse could not start: ${error.stack ?? error.message}`;
}

const certificateCodes = /CERT|SIGNATURE/;

/** The port of this setting cannot be listened on, at the address that goes with it. */
export class ListenError extends StartError {
  override readonly name = 'ListenError';

  constructor(config: Pick<Config, HostSetting | PortSetting>, setting: PortSetting, cause: unknown) {
    const hostSetting = hostSettingOf(config, setting);
    const { [hostSetting]: host, [setting]: port } = config;
    const explained = explain(errorCode(cause), { host, hostSetting, port, setting });
    super(`Gatehouse cannot listen: ${explained ?? String(cause)}`, { cause });
  }
}

type PortSetting = 'PORT' | 'METRICS_PORT';
type HostSetting = 'HOST' | 'METRICS_HOST';

/** The one to change: without a METRICS_HOST it is that of HOST. */
function hostSettingOf(config: Pick<Config, HostSetting>, setting: PortSetting): HostSetting {
  return setting === 'METRICS_PORT' && config.METRICS_HOST !== config.HOST ? 'METRICS_HOST' : 'HOST';
}

interface Listened {
  host: string;
  hostSetting: HostSetting;
  port: number;
  setting: PortSetting;
}

function explain(
  code: string | undefined,
  { host, hostSetting, port, setting }: Listened,
): string | undefined {
  if (code === 'EADDRINUSE') return `port ${port} is taken. Stop what uses it, or set ${setting} to another.`;
  if (code === 'EACCES') return `port ${port} may not be used by this user. Set ${setting} to 1024 or more.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `${host} is no address of this machine. Set ${hostSetting} to another.`;
  }
  return undefined;
}
