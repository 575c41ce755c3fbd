import type { Demo } from "./open-demo.ts";

/** Everything that a person needs to go on by themselves: addresses, keys, and a curl for each endpoint. */
export function printGuide(demo: Demo, print: (line: string) => void): void {
  const { gatewayUrl, keys } = demo;
  const ivr = '-H "authorization: Bearer $IVR"';
  const ops = '-H "authorization: Bearer $OPS"';
  const json = "-H 'content-type: application/json'";
  const sessions = "$GATEWAY/scramble/caller/v1";
  print(`
gateway        ${gatewayUrl}   (sockets: namespace /device)
worker         ${demo.workerUrl}
voice cloud    ${demo.cloud.url}
Redis          ${demo.redisUrl}
key for IVRs   ${keys.sessions}
key for ops    ${keys.admin}
subject        ${demo.subjectId}

First, in another terminal
  export GATEWAY=${gatewayUrl} IVR=${keys.sessions} OPS=${keys.admin}
Session API (SID=<sessionId of the first answer>)
  curl -s ${sessions}/sessions ${ivr} ${json} -d '{"provider":"generic","callId":"call-1","ani":"${demo.callerNumber}"}'
  curl -s "${sessions}/sessions/$SID?wait=30" ${ivr}
  curl -s ${sessions}/calls/generic/call-1 ${ivr}
  curl -s ${sessions}/sessions/$SID/loop ${ivr} ${json} -d '{"index":1,"digit":"1"}'
  curl -s -X POST ${sessions}/sessions/$SID/cancel ${ivr}
  curl -s ${sessions}/sessions/$SID/call-ended ${ivr} ${json} -d '{"durationSeconds":92,"disposition":"completed"}'
  curl -s "${sessions}/verifications?caseId=CASE-1" ${ivr}
Flat façade for flow designers
  curl -s $GATEWAY/ivr/sessions -H "x-api-key: $IVR" -d '{"contactId":"contact-1"}'
  curl -s "$GATEWAY/ivr/sessions/$SID?wait=30" -H "x-api-key: $IVR"
Administration (DEVICE=<deviceId>)
  curl -s $GATEWAY/admin/v1/subjects ${ops} ${json} -d '{"externalId":"customer-7","phones":["+14155550001"]}'
  curl -s -X POST $GATEWAY/admin/v1/subjects/${demo.subjectId}/activation-codes ${ops}
  curl -s $GATEWAY/admin/v1/subjects/${demo.subjectId}/devices ${ops}
  curl -s -X DELETE $GATEWAY/admin/v1/devices/$DEVICE ${ops}
  curl -s "$GATEWAY/admin/v1/events?limit=20" ${ops}
  curl -s "$GATEWAY/admin/v1/stats?window=3600" ${ops}
Devices enrol with a key of their own: POST $GATEWAY/scramble/device/v1/enrollments, see client-sdk/README.md
Operations
  curl -s $GATEWAY/healthz; curl -s $GATEWAY/readyz; curl -s ${demo.workerUrl}/readyz
  curl -s $GATEWAY/metrics ${ops}
  curl -s $GATEWAY/.well-known/jwks.json
  curl -s $GATEWAY/openapi.json
Voice cloud
  curl -s ${demo.cloud.url}/sandbox/calls ${json} -d '{"to":"+18005551234","from":"${demo.callerNumber}","voiceUrl":"${gatewayUrl}/ivr/verify/start"}'
  curl -s "${demo.cloud.url}/sandbox/ledger?after=0"
`);
}
