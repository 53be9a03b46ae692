import { z } from 'zod';
import { text } from '../input.ts';
import { integer, list } from '../query-input.ts';

/** Members as the STS service model gives them; durations in seconds. */

const name = /^[\w+=,.@-]*$/;

export const members = {
  roleArn: text(20, 2048),
  roleSessionName: text(2, 64).regex(name),
  sourceIdentity: text(2, 64).regex(name),
  externalId: text(2, 1224).regex(/^[\w+=,.@:/-]*$/),
  policy: text(1, 2048),
  policyArns: list(z.strictObject({ arn: text(20, 2048) }), 10),
  tags: list(z.strictObject({ Key: text(1, 128), Value: text(0, 256) }), 50),
  transitiveTagKeys: list(text(1, 128), 50),
  accessKeyId: text(16, 128).regex(/^\w*$/),
  roleDuration: integer(900, 43_200),
  tokenDuration: integer(900, 129_600),
};
