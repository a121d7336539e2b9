// What the openai npm client must be able to do with the gateway: one claim a function, one JSON object on stdout.
// node claims.mjs '{"told": URL, ...}' [claim ...]
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const sites = JSON.parse(process.argv[2]);
const client = (baseURL, apiKey = "key-1") => new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const told = client(sites.told), real = client(sites.real);
const say = (content) => [{ role: "user", content }];
const hello = { model: "trimtab", messages: say("hi") };
const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: {
      type: "object",
      properties: { city: { enum: ["Oslo", "Rome"] } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};
const Paint = z.object({ colour: z.enum(["red", "blue"]), coats: z.union([z.literal(1), z.literal(2)]) }).strict();
const spoken = { model: "trimtab", messages: say("hi"), max_tokens: 8, seed: 7 };

async function fails(kind, status, promise, check = () => {}) {
  const error = await promise.then(() => assert.fail("it was answered"), (error) => error);
  assert.ok(error instanceof kind, `${error}`);
  assert.equal(error.status, status);
  check(error);
}

const claims = {
  async chat() {
    const { data, response, request_id } = await told.chat.completions.create(hello).withResponse();
    assert.equal(data.choices[0].message.content, "Hello from here.");
    assert.equal(data.usage.total_tokens, 10);
    assert.equal(request_id, data.id);
    assert.equal(data._request_id, data.id);
    assert.equal(response.headers.get("x-trimtab-release"), "a".repeat(64));
  },
  async stream_with_usage() {
    let text = "", last;
    const stream = await told.chat.completions.create({ ...hello, stream: true, stream_options: { include_usage: true } });
    for await (const chunk of stream) (text += chunk.choices[0]?.delta.content ?? ""), (last = chunk);
    assert.equal(text, "Hello from here.");
    assert.equal(last.usage.total_tokens, 10);
  },
  async tools_and_their_results() {
    const ask = { model: "trimtab", messages: say("weather"), tools: [weather] };
    const first = (await told.chat.completions.create(ask)).choices[0];
    assert.equal(first.finish_reason, "tool_calls");
    const [call] = first.message.tool_calls;
    assert.deepEqual(JSON.parse(call.function.arguments), { city: "Oslo" });
    const result = { role: "tool", tool_call_id: call.id, content: "sunny" };
    const second = await told.chat.completions.create({ ...ask, messages: [...ask.messages, first.message, result] });
    assert.equal(second.choices[0].message.content, "It is sunny.");
    const streamed = await told.chat.completions.stream(ask).finalChatCompletion();
    assert.equal(streamed.choices[0].message.tool_calls[0].function.arguments, '{"city": "Oslo"}');
    await fails(OpenAI.BadRequestError, 400, told.chat.completions.create({ ...ask, messages: [result] }));
  },
  async run_tools() {
    const tool = { type: "function", function: { ...weather.function, parse: JSON.parse, function: () => "sunny" } };
    const runner = told.chat.completions.runTools({ model: "trimtab", messages: say("weather"), tools: [tool] });
    assert.equal(await runner.finalContent(), "It is sunny.");
  },
  async tool_choice_and_parallel_tool_calls() {
    const ask = { ...spoken, max_tokens: 160, tools: [weather], parallel_tool_calls: false };
    for (const tool_choice of ["required", { type: "function", function: { name: "weather" } }]) {
      const { message, finish_reason } = (await real.chat.completions.create({ ...ask, tool_choice })).choices[0];
      assert.equal(finish_reason, "tool_calls");
      assert.equal(message.tool_calls.length, 1);
      assert.ok(["Oslo", "Rome"].includes(JSON.parse(message.tool_calls[0].function.arguments).city));
    }
    assert.ok((await real.chat.completions.create({ ...ask, tool_choice: "none" })).choices.length);
  },
  async structured_output() {
    const ask = { model: "trimtab", messages: say("hi"), response_format: zodResponseFormat(Paint, "paint"), seed: 1 };
    const parsed = await real.chat.completions.parse({ ...ask, n: 2 });
    for (const choice of parsed.choices) assert.deepEqual(Paint.parse(choice.message.parsed), choice.message.parsed);
    const streamed = await real.chat.completions.stream(ask).finalChatCompletion();
    assert.deepEqual(Paint.parse(streamed.choices[0].message.parsed), parsed.choices[0].message.parsed);
  },
  async logprobs() {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const choice = (await real.chat.completions.create({ ...spoken, seed, logprobs: true })).choices[0];
      if (choice.logprobs === null) continue; // half a character was said: no tokens spell it
      const bytes = choice.logprobs.content.flatMap((token) => token.bytes);
      assert.equal(Buffer.from(bytes).toString().trim(), choice.message.content);
      assert.ok(choice.logprobs.content.every((token) => token.logprob <= 0));
      return;
    }
    assert.fail("no answer had log-probs");
  },
  async n_seed_and_stop() {
    const texts = async (more) =>
      (await real.chat.completions.create({ ...spoken, ...more })).choices.map((choice) => choice.message.content);
    const three = await texts({ n: 3 });
    assert.equal(new Set(three).size, 3);
    assert.deepEqual(await texts({ n: 3 }), three);
    assert.deepEqual(await texts({}), three.slice(0, 1));
    const stop = [...three[0]][2];
    assert.deepEqual(await texts({ stop: [stop] }), [three[0].slice(0, three[0].indexOf(stop)).trim()]);
  },
  async legacy_completions() {
    const answer = await real.completions.create({ model: "trimtab", prompt: ["a", "b"], max_tokens: 4, seed: 1 });
    assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1]);
  },
  async models() {
    const names = [];
    for await (const model of told.models.list()) names.push(model.id);
    assert.deepEqual(names, ["trimtab", `trimtab@${"a".repeat(12)}`]);
    assert.equal((await told.models.retrieve(names[1])).id, names[1]);
  },
  async embeddings_where_no_model_is_configured() {
    const ask = told.embeddings.create({ model: "embedder", input: "x" });
    await fails(OpenAI.NotFoundError, 404, ask, (error) => assert.equal(error.code, "model_not_found"));
  },
  async bad_request() {
    const wrong = told.chat.completions.create({ ...hello, temperature: 9 });
    await fails(OpenAI.BadRequestError, 400, wrong, (error) => assert.equal(error.param, "temperature"));
  },
  async wrong_key() {
    await fails(OpenAI.AuthenticationError, 401, client(sites.told, "wrong").chat.completions.create(hello));
  },
  async unknown_and_forbidden_model() {
    const check = (error) => assert.equal(error.code, "model_not_found");
    await fails(OpenAI.NotFoundError, 404, told.chat.completions.create({ ...hello, model: "gpt-4" }), check);
    const narrow = client(sites.keyed, sites.keys.narrow);
    await fails(OpenAI.NotFoundError, 404, narrow.chat.completions.create(hello), check);
  },
  async rate_limit_and_budget() {
    const slow = client(sites.keyed, sites.keys.slow);
    const { response } = await slow.chat.completions.create(hello).withResponse();
    assert.equal(response.headers.get("x-ratelimit-limit-requests"), "1");
    await fails(OpenAI.RateLimitError, 429, slow.chat.completions.create(hello), (error) => {
      assert.ok(Number(error.headers.get("retry-after")) >= 1);
      assert.equal(error.code, "rate_limit_exceeded");
    });
    const broke = client(sites.keyed, sites.keys.broke);
    const check = (error) => assert.equal(error.code, "insufficient_quota");
    await fails(OpenAI.RateLimitError, 429, broke.chat.completions.create(hello), check);
  },
  async server_failures_keep_their_secrets() {
    for (const stream of [false, true]) {
      const ask = told.chat.completions.create({ model: "trimtab", messages: say("fail"), stream });
      await fails(OpenAI.InternalServerError, 500, ask, (error) => assert.ok(!error.message.includes("secret")));
    }
  },
  async draining_503() {
    const ask = client(sites.draining).chat.completions.create(hello);
    await fails(OpenAI.InternalServerError, 503, ask, (error) => assert.ok(error.headers.get("retry-after")));
  },
  async too_late_504() {
    const headers = { "x-request-timeout-ms": "100" };
    const ask = told.chat.completions.create({ model: "trimtab", messages: say("slow") }, { headers });
    await fails(OpenAI.InternalServerError, 504, ask, (error) => assert.equal(error.code, "timeout"));
  },
  async abort_mid_stream() {
    const stream = await told.chat.completions.create({ model: "trimtab", messages: say("slow"), stream: true });
    for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
    stream.controller.abort();
    const controller = new AbortController();
    const ask = told.chat.completions.create({ model: "trimtab", messages: say("slow") }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(ask, OpenAI.APIUserAbortError);
  },
};

const said = {};
const wanted = process.argv.slice(3);
for (const name of wanted.length ? wanted : Object.keys(claims)) {
  said[name] = await claims[name]().then(() => "OK", (error) => `failed: ${error.stack ?? error}`);
}
process.stdout.write(JSON.stringify(said));
