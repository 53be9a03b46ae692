import { z } from 'zod';
import { text } from '../input.ts';
import { integer, list } from '../query-input.ts';

/** Members as IAM's service model gives them. */

const name = (most: number) => text(1, most).regex(/^[\w+=,.@-]+$/);
/** Up to the end of Latin-1, as everywhere in IAM's model. */
const description = (most: number) => text(0, most).regex(/^[\t\n\r\u0020-\u007E\u00A1-\u00FF]*$/);

const tag = z.strictObject({
  Key: text(1, 128).regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$/u),
  Value: text(0, 256).regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u),
});

export const members = {
  /** For looking up: a name may be longer than one that is given. */
  existingUserName: name(128),
  userName: name(64),
  groupName: name(128),
  roleName: name(64),
  policyName: name(128),
  path: text(1, 512).regex(/^(\/|\/[!-~]+\/)$/),
  pathPrefix: text(1, 512).regex(/^\/[!-\u007F]*$/),
  arn: text(20, 2048),
  document: text(1, 131_072).regex(/^[\t\n\r\u0020-\u00FF]+$/),
  versionId: text(2, 32).regex(/^v[1-9][0-9]*(\.[A-Za-z0-9-]*)?$/),
  accessKeyId: text(16, 128).regex(/^\w+$/),
  description: description(1_000),
  maxSessionDuration: integer(3_600, 43_200),
  tags: list(tag, 50),
  tagKeys: list(text(1, 128), 50),
  maxItems: integer(1, 1_000),
  marker: text(1, 1_024),
};

/** What every list takes. */
export const pageMembers = {
  MaxItems: members.maxItems.optional(),
  Marker: members.marker.optional(),
};
