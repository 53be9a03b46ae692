import { z } from 'zod';
import { KmsError } from '../../errors.ts';
import { defineOperation } from '../operation.ts';
import { members } from './members.ts';
import { refuseUserSession } from './session.ts';

/** Of temporary credentials it knows the caller's own alone: nothing is kept of others. */
export const getAccessKeyInfo = defineOperation({
  service: 'sts',
  name: 'GetAccessKeyInfo',
  readOnly: true,
  input: z.strictObject({ AccessKeyId: members.accessKeyId }),
  async plan({ AccessKeyId: asked }, caller, { identities }) {
    refuseUserSession(caller, 'GetAccessKeyInfo');
    const own = asked === caller.accessKeyId ? caller.principal : undefined;
    const account = own?.account ?? (await identities.findAccessKey(asked))?.principal.account;
    return {
      subjects: [{ type: 'account', action: 'sts:GetAccessKeyInfo' }],
      validate() {
        if (account === undefined) {
          throw new KmsError('ValidationException', `The access key ID ${asked} does not exist.`);
        }
      },
      run: () => ({ type: 'answer', output: { Account: account } }),
    };
  },
});
