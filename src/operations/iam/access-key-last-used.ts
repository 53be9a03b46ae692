import { z } from 'zod';
import type { LookedUpEvent } from '../../audit/lookup.ts';
import { defineOperation, type Plan, type Result, type Services } from '../operation.ts';
import { noSuchEntity } from './errors.ts';
import { members } from './input.ts';
import { planOn, userKind } from './kind.ts';

/** Pages of the trail that are gone through: a flood of refusals in a key's name must not keep everybody busy. */
const mostPages = 20;

/** When, where and for what an access key was last used, as the trail has it. */
export const getAccessKeyLastUsed = defineOperation({
  service: 'iam',
  name: 'GetAccessKeyLastUsed',
  readOnly: true,
  input: z.strictObject({ AccessKeyId: members.accessKeyId }),
  async plan(input, caller, services): Promise<Plan> {
    const { account } = caller.scope;
    const action = 'GetAccessKeyLastUsed';
    const accessKey = await services.identities.findAccessKey(input.AccessKeyId);
    const principal = accessKey?.principal.account === account ? accessKey.principal : undefined;
    const result = async (userName: string | undefined): Promise<Result> => ({
      type: 'answer',
      output: {
        UserName: userName,
        AccessKeyLastUsed: shape(await lastUse(input.AccessKeyId, account, services)),
      },
    });
    if (principal?.userName !== undefined) {
      return planOn(userKind, action, principal.userName, caller, services, ({ name }) => result(name));
    }
    return {
      subjects: [{ type: 'account', action: `iam:${action}` }],
      run() {
        if (principal !== undefined) return result(undefined);
        throw noSuchEntity(`The Access Key with id ${input.AccessKeyId} cannot be found.`);
      },
    };
  },
});

async function lastUse(
  accessKeyId: string,
  account: string,
  services: Services,
): Promise<LookedUpEvent | undefined> {
  const found = await Promise.all(
    services.regions.map((region) => lastUseIn(region, accessKeyId, account, services)),
  );
  return found
    .filter((event) => event !== undefined)
    .toSorted((one, other) => other.EventTime - one.EventTime)[0];
}

async function lastUseIn(
  region: string,
  accessKeyId: string,
  account: string,
  { events }: Services,
): Promise<LookedUpEvent | undefined> {
  let nextToken: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const answer = await events.lookupEvents({
      account,
      region,
      attribute: { key: 'AccessKeyId', value: accessKeyId },
      maxResults: 50,
      ...(nextToken !== undefined && { nextToken }),
    });
    const use = answer.events.find(isUse);
    if (use !== undefined || answer.nextToken === undefined) return use;
    ({ nextToken } = answer);
  }
  return undefined;
}

/** Whoever has no signature only claims an access key. */
function isUse({ CloudTrailEvent }: LookedUpEvent): boolean {
  const record: unknown = JSON.parse(CloudTrailEvent);
  if (typeof record !== 'object' || record === null || !('userIdentity' in record)) return false;
  const { userIdentity } = record;
  return (
    typeof userIdentity === 'object' &&
    userIdentity !== null &&
    'type' in userIdentity &&
    userIdentity.type !== 'Unknown'
  );
}

function shape(use: LookedUpEvent | undefined) {
  if (use === undefined) return { ServiceName: 'N/A', Region: 'N/A' };
  const { awsRegion }: { awsRegion?: unknown } = JSON.parse(use.CloudTrailEvent);
  return {
    LastUsedDate: new Date(use.EventTime * 1_000),
    ServiceName: use.EventSource.replace(/\.amazonaws\.com$/, ''),
    Region: typeof awsRegion === 'string' ? awsRegion : 'N/A',
  };
}
