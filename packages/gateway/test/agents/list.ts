import type { Agent, Job } from "./agent.ts";

const key = "dummy-key";
const platform = `${process.platform}-${process.arch}`;

export const claudeCode: Agent = {
  name: "Claude Code",
  package: "@anthropic-ai/claude-code@2.1.329",
  program: `@anthropic-ai/claude-code-${platform}/claude`,
  args: ({ prompt, model }) => ["-p", prompt, "--dangerously-skip-permissions", "--model", model],
  environment: ({ url }) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: key, IS_SANDBOX: "1" }),
  files: () => ({ ".claude.json": '{"hasCompletedOnboarding":true,"bypassPermissionsModeAccepted":true}' }),
};

export const codex: Agent = {
  name: "Codex",
  package: "@openai/codex@0.169.0",
  program: ".bin/codex",
  args: ({ prompt }) => ["exec", "--skip-git-repo-check", prompt],
  environment: () => ({ MOCK_KEY: key }),
  files: ({ url, model }) => ({
    ".codex/config.toml": `model = "${model}"
model_provider = "patchbay"
approval_policy = "never"
sandbox_mode = "danger-full-access"

[model_providers.patchbay]
name = "patchbay"
base_url = "${url}/v1"
env_key = "MOCK_KEY"
wire_api = "responses"
`,
  }),
};

export const geminiCli: Agent = {
  name: "Gemini CLI",
  package: "@google/gemini-cli@0.61.0",
  program: ".bin/gemini",
  args: ({ prompt, model }) => ["-m", model, "--yolo", "-p", prompt],
  environment: ({ url }) => ({
    GEMINI_API_KEY: key,
    GOOGLE_GEMINI_BASE_URL: url,
    GEMINI_CLI_TRUST_WORKSPACE: "true",
  }),
  files: () => ({
    ".gemini/settings.json":
      '{"security":{"auth":{"selectedType":"gemini-api-key"}},"privacy":{"usageStatisticsEnabled":false}}',
  }),
};

type Wire = "chat" | "responses" | "anthropic" | "gemini";

const qwenWires: { readonly [wire in Wire]: { type: string; environment: (job: Job) => { [name: string]: string } } } =
  {
    chat: {
      type: "openai",
      environment: ({ url, model }) => ({ OPENAI_API_KEY: key, OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: model }),
    },
    responses: {
      type: "openai-responses",
      environment: ({ url, model }) => ({ OPENAI_API_KEY: key, OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: model }),
    },
    anthropic: {
      type: "anthropic",
      environment: ({ url, model }) => ({ ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: url, ANTHROPIC_MODEL: model }),
    },
    gemini: {
      type: "gemini",
      environment: ({ url, model }) => ({ GEMINI_API_KEY: key, GOOGLE_GEMINI_BASE_URL: url, GEMINI_MODEL: model }),
    },
  };

export const qwenCode = (wire: Wire): Agent => ({
  name: `Qwen Code (${wire})`,
  package: "@qwen-code/qwen-code@0.24.4",
  program: ".bin/qwen",
  args: ({ prompt }) => ["--auth-type", qwenWires[wire].type, "--yolo", "-p", prompt],
  environment: (job) => qwenWires[wire].environment(job),
});

const copilotWires: { readonly [wire in "chat" | "responses" | "anthropic"]: { readonly [name: string]: string } } = {
  chat: {},
  responses: { COPILOT_PROVIDER_WIRE_API: "responses" },
  anthropic: { COPILOT_PROVIDER_TYPE: "anthropic" },
};

export const copilot = (wire: keyof typeof copilotWires): Agent => ({
  name: `Copilot CLI (${wire})`,
  package: "@github/copilot@1.0.102",
  program: ".bin/copilot",
  args: ({ prompt }) => ["-p", prompt, "--allow-all-tools", "--allow-all-paths", "-s"],
  environment: ({ url, model }) => ({
    COPILOT_PROVIDER_BASE_URL: wire === "anthropic" ? url : `${url}/v1`,
    COPILOT_PROVIDER_API_KEY: key,
    COPILOT_MODEL: model,
    COPILOT_OFFLINE: "true",
    COPILOT_AUTO_UPDATE: "false",
    ...copilotWires[wire],
  }),
});

const openCodePackages: { readonly [wire in Wire | "ollama"]: string } = {
  chat: "@ai-sdk/openai-compatible",
  responses: "@ai-sdk/openai",
  anthropic: "@ai-sdk/anthropic",
  gemini: "@ai-sdk/google",
  // opencode reaches Ollama by its OpenAI-compatible face.
  ollama: "@ai-sdk/openai-compatible",
};

export const openCode = (wire: keyof typeof openCodePackages): Agent => ({
  name: `opencode (${wire})`,
  package: "opencode-ai@1.18.33",
  program: `opencode-${platform}/bin/opencode`,
  args: ({ prompt, model }) => ["run", "-m", `patchbay/${model}`, prompt],
  environment: () => ({}),
  files: ({ url, model }) => ({
    ".config/opencode/opencode.json": JSON.stringify({
      permission: "allow",
      provider: {
        patchbay: {
          npm: openCodePackages[wire],
          name: "Patchbay",
          options: { baseURL: `${url}${wire === "gemini" ? "/v1beta" : "/v1"}`, apiKey: key },
          models: { [model]: { name: model } },
        },
      },
    }),
  }),
});

const piApis: { readonly [wire in Wire]: string } = {
  chat: "openai-completions",
  responses: "openai-responses",
  anthropic: "anthropic-messages",
  gemini: "google-generative-ai",
};

export const pi = (wire: Wire): Agent => ({
  name: `pi (${wire})`,
  package: "@mariozechner/pi-coding-agent@0.73.1",
  program: ".bin/pi",
  args: ({ prompt, model }) => ["-p", "--provider", "patchbay", "--model", model, "--thinking", "low", prompt],
  environment: () => ({ PI_OFFLINE: "1" }),
  files: ({ url, model }) => ({
    ".pi/agent/models.json": JSON.stringify({
      providers: {
        patchbay: {
          baseUrl: wire === "anthropic" ? url : `${url}${wire === "gemini" ? "/v1beta" : "/v1"}`,
          apiKey: key,
          api: piApis[wire],
          models: [
            { id: model, name: model, reasoning: true, input: ["text"], contextWindow: 100_000, maxTokens: 8000 },
          ],
        },
      },
    }),
  }),
});

export const cline: Agent = {
  name: "Cline (Ollama)",
  package: "cline@3.0.65",
  program: ".bin/cline",
  args: ({ prompt, model }) => ["-P", "ollama", "-m", model, "--auto-approve", "true", "--json", prompt],
  environment: () => ({}),
  files: ({ url, model }) => ({
    ".cline/data/settings/providers.json": JSON.stringify({
      version: 1,
      lastUsedProvider: "ollama",
      modes: {},
      providers: {
        ollama: {
          settings: { provider: "ollama", apiKey: key, model, baseUrl: url },
          updatedAt: "2026-01-01T00:00:00.000Z",
          tokenSource: "manual",
        },
      },
    }),
  }),
};
