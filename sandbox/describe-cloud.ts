import type { VoiceCloud } from "./voice-cloud.ts";

/** What a person needs to use a running cloud: its URL, its credentials and a ready-made curl for each thing to do. */
export function describeCloud(cloud: VoiceCloud): string {
  const { url } = cloud;
  const { accountSid = "", authToken = "" } = cloud.accounts[0] ?? {};
  const json = "-H 'content-type: application/json'";
  const call = `${url}/2010-04-01/Accounts/${accountSid}/Calls/$CALL.json`;
  return `Sandbox voice cloud is ready: ${url}
  account SID  ${accountSid}
  auth token   ${authToken}

Place a call (its answer has the "sid"; below, CALL=<sid>):
  curl -s ${url}/sandbox/calls ${json} -d '{"to":"+18005551234","from":"+14155550000","voiceUrl":"http://localhost:8080/ivr/verify/start"}'
What was spoken, and what is playing:
  curl -s ${url}/sandbox/calls/$CALL
Press keys:
  curl -s ${url}/sandbox/calls/$CALL/digits ${json} -d '{"digits":"1"}'
Hang up:
  curl -s -X POST ${url}/sandbox/calls/$CALL/hangup
Move the call, as Twilio's REST API does:
  curl -s -u ${accountSid}:${authToken} ${call} --data-urlencode 'Url=${url}/sandbox/ivr/verified'
Everything that happened:
  curl -s '${url}/sandbox/ledger?after=0'
Let the next call update fail, then no fault any more:
  curl -s ${url}/sandbox/faults ${json} -d '{"target":"call_update","kind":"500"}'
  curl -s -X DELETE ${url}/sandbox/faults
`;
}
