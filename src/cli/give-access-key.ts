import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { administrator, createAccessKey } from './administrator.ts';
import { writeCredentials } from './credentials-file.ts';
import type { Machine } from './machine.ts';

/** Gives an administrator a new access key, whose secret goes into a profile of the credentials file alone. @returns its id */
export async function giveAccessKey(
  machine: Machine,
  config: Config,
  to: {
    readonly account: string;
    readonly principalId: string;
    readonly profile: string;
    readonly credentialsFile: string;
  },
): Promise<string> {
  const { account, principalId, profile, credentialsFile } = to;
  return createAccessKey(
    machine.changes,
    await machine.token(),
    { account, region: config.region },
    { principalId },
    systemClock,
    (accessKeyId, secret) => writeCredentials(credentialsFile, accessKeyId, secret, config, profile),
    (accessKeyId) =>
      machine.record({
        source: 'iam.amazonaws.com',
        operation: 'CreateAccessKey',
        account,
        parameters: { userName: administrator },
        response: { accessKey: { userName: administrator, accessKeyId, status: 'Active' } },
      }),
  );
}
