import { z } from 'zod';
import { defineOperation } from '../operation.ts';
import { members } from './members.ts';
import { issue, lifetime, noSession, pack, shownCredentials } from './session.ts';

/** Seconds; a root's session is never longer than an hour (AWS STS API reference, GetSessionToken). */
const usual = 43_200;
const ofRoot = 3_600;

/** Temporary credentials of who asks, with what that may do. Needs no permission, but long-term credentials. */
export const getSessionToken = defineOperation({
  service: 'sts',
  name: 'GetSessionToken',
  readOnly: true,
  input: z.strictObject({ DurationSeconds: members.tokenDuration.optional() }),
  plan({ DurationSeconds: wanted = usual }, { principal }, services) {
    if (principal.session !== undefined) throw noSession('GetSessionToken');
    const isRoot = principal.type === 'Root';
    return {
      subjects: [],
      async run() {
        const packed = pack({
          type: isRoot ? 'Root' : 'User',
          id: principal.principalId,
          account: principal.account,
          session: {
            ...lifetime(services.clock.now(), isRoot ? Math.min(wanted, ofRoot) : wanted),
            name: undefined,
            policy: undefined,
            policyArns: [],
            tags: [],
            transitiveTagKeys: [],
            sourceIdentity: undefined,
          },
        });
        const credentials = await issue(packed, services);
        return {
          type: 'answer',
          output: { Credentials: credentials },
          responseElements: { credentials: shownCredentials(credentials) },
        };
      },
    };
  },
});
