/** Cases of protocols that we do not speak. */
export function outOfScope(fn: string): string | undefined {
  return fn.includes("Interactions") ? "Google's Interactions API is another protocol (decision 0011)." : undefined;
}

interface Decision {
  readonly reason: string;
  /** By test: how the paths of the assertions begin that need not hold. Any other assertion of the test has to. */
  readonly tests: { readonly [test: string]: readonly string[] };
}

/** What we decide otherwise than the other project. */
const decisions: readonly Decision[] = [
  {
    reason: "Results stand directly behind their calls and in their order; what was said between comes behind them.",
    tests: {
      TestMixedToolCallHistoryPreservesCallFamilies: ["input.3.call_id", "input.4.call_id"],
      TestConvertOpenAIResponsesRequestToGemini_GroupsNonContiguousParallelToolOutputs: ["contents", "contents.3"],
      TestConvertGeminiRequestToOpenAI_OutOrderExplicitResponseDoesNotDuplicateID: [
        "messages.1.tool_call_id",
        "messages.2.tool_call_id",
      ],
    },
  },
  {
    reason: "A result without a call is left out, with a loss: no vendor takes it. (These cases have no call.)",
    tests: {
      TestConvertGeminiRequestToOpenAI_FunctionResponseWithoutPriorCallGetsFallbackID: ["messages.0.tool_call_id"],
      TestConvertGeminiRequestToOpenAI_ExtraFunctionResponsesUseFallbackID: ["messages.2.tool_call_id"],
      TestConvertGeminiRequestToOpenAI_DeterministicFallbackOrphanResponse: ["messages.0.tool_call_id"],
      TestConvertClaudeRequestToAntigravity_ToolResultName_NoMatchingToolUse_Heuristic: [
        "request.contents.0.parts.0.functionResponse",
        "request.contents.0.parts.0.functionResponse.name",
      ],
      TestConvertClaudeRequestToAntigravity_ToolResultName_NoMatchingToolUse_RawID: [
        "request.contents.0.parts.0.functionResponse",
        "request.contents.0.parts.0.functionResponse.name",
      ],
      TestConvertClaudeRequestToAntigravity_ToolResultWithImage: ["request.contents.0.parts"],
      TestConvertClaudeRequestToAntigravity_ToolResultWithMultipleImagesAndTexts: ["request.contents.0.parts"],
      TestConvertClaudeRequestToAntigravity_ToolResultWithOnlyMultipleImages: ["request.contents.0.parts"],
      TestConvertClaudeRequestToAntigravity_ToolResultImageNotBase64: [
        "request.contents.0.parts.0.functionResponse",
        "request.contents.0.parts.0.functionResponse.response.result",
      ],
    },
  },
  {
    reason:
      "A call without a result gets one that says so, and calls of one id are told apart: leaving them out would hide from the model what it did.",
    tests: {
      TestAmbiguousDuplicateToolCallIDsAreDropped: ["input"],
      TestToolCallHistoryClearsUnmatchedCallAtNewBatch: ["input", "input.2.type"],
      TestConvertOpenAIResponsesRequestToOpenAIChatCompletions_SplitFunctionCallsWhenInterrupted: [
        "messages",
        "messages.2.tool_calls.0.id",
      ],
    },
  },
  {
    reason:
      "Of several results of one call the first one counts: the model has answered to it, and a vendor's cache holds it.",
    tests: {
      TestConvertOpenAIRequestToClaude_DeduplicatesToolResults: ["messages.2.content", "messages.4.content"],
      TestConvertOpenAIResponsesRequestToClaude_DeduplicatesToolOutputs: ["messages.2.content", "messages.4.content"],
    },
  },
  {
    reason: "The vendor of the client's own protocol refuses such a request; so do we, and name the field at fault.",
    tests: {
      TestConvertClaudeRequestToCodexNormalizesNonStringToolName: ["tools.0.name"],
      TestConvertOpenAIRequestToGeminiNormalizesToolNameAndStrict: ["tools.0.functionDeclarations.0.name"],
      TestToolCallOutputWithMultimodalContent: ["input.2.output"],
      TestToolCallOutputFallsBackForInvalidStructuredParts: ["input.2.output"],
      TestCustomToolCallHistorySynthesizesMissingCallID: ["input", "input.0", "input.1"],
      TestToolCallOutputWithoutIDUsesPendingCall: ["input", "input.2", "input.3"],
      TestConvertOpenAIRequestToGeminiSkipsEmptyAssistantMessages: ["contents"],
      TestConvertOpenAIRequestToAntigravitySkipsEmptyAssistantMessages: ["request.contents"],
      TestConvertOpenAIResponsesRequestToGeminiBuildsGenerationConfigWithoutIntermediateObject: [
        "generationConfig.temperature",
        "generationConfig.topP",
        "generationConfig.stopSequences",
        "generationConfig.responseMimeType",
        "generationConfig.responseJsonSchema",
      ],
      "TestConvertOpenAIResponsesRequestToGemini_FunctionCallOutputVariations/plain structured JSON array without images":
        ["contents.1.parts", "contents.1.parts.0"],
      "TestConvertOpenAIResponsesRequestToGemini_FunctionCallOutputVariations/mixed array with text and non-image structured object":
        ["contents.1.parts", "contents.1.parts.0"],
      TestConvertClaudeRequestToOpenAI_ToolResultObjectContent: ["messages", "messages.1"],
      TestConvertClaudeRequestToOpenAI_ToolResultURLImageOnly: ["messages", "messages.1.content"],
      TestConvertClaudeRequestToAntigravity_ToolResultWithSingleImage: ["request.contents.0.parts"],
      TestConvertClaudeRequestToAntigravity_ToolResultImageMissingData: ["request.contents.0.parts"],
      TestConvertClaudeRequestToAntigravity_ToolResultImageMissingMediaType: ["request.contents.0.parts"],
      TestConvertSystemRoleToDeveloper_EmptyInput: ["input"],
    },
  },
  {
    reason:
      "It is about ChatGPT's private backend for Codex, which streams only and refuses fields that OpenAI's API takes.",
    tests: {
      TestConvertSystemRoleToDeveloper_NoInputField: ["stream"],
      TestConvertOpenAIResponsesRequestToCodex_OriginalIssue: ["stream", "parallel_tool_calls", "include"],
      TestConvertOpenAIResponsesRequestToCodexNormalizesRequiredFields: ["include", "include.0"],
      TestConvertOpenAIResponsesRequestToCodex_FiltersPromptCacheRetention: ["prompt_cache_retention"],
      TestConvertOpenAIResponsesRequestToCodex_NormalizesWebSearchPreview: ["tools.0", "tool_choice.tools"],
      TestConvertOpenAIResponsesRequestToCodex_NormalizesTopLevelToolChoicePreviewAlias: ["tool_choice.type"],
      TestUserFieldDeletion: ["user"],
      TestContextManagementCompactionCompatibility: ["context_management"],
      TestTruncationRemovedForCodexCompatibility: ["truncation"],
      TestStripCodexResponsesCacheBreakpoints: [""],
      TestStripCodexResponsesCacheBreakpoints_WithSystemRole: [""],
    },
  },
  {
    reason:
      "Their form of Gemini's signatures within Responses' encrypted state is their own; ours is sealed with its origin (codecs/shared/carrier.ts), and no other state is taken for Gemini's.",
    tests: {
      TestConvertOpenAIResponsesRequestToGemini_ReattachesReasoningAndSignatureToFunctionCall: [
        "contents.1.parts.1.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToGemini_ReattachesTrailingDetachedSignatureToText: [
        "contents.1.parts.0.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToGemini_ReattachesUnmarkedTrailingSignatureToText: [
        "contents.1.parts.0.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToGemini_UnmarkedReasoningBeforeFunctionCallStillPairsCall: [
        "contents.1.parts.1.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToGemini_ReattachesUnmarkedPostCallSignatureWithMatchingOutput: [
        "contents.0.parts.0.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToGemini_ReattachesUnmarkedParallelPostCallSignature: [
        "contents.0.parts.1.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToGemini_PreservesReasoningOnlyHistory: ["contents.0.parts.0.thoughtSignature"],
      TestConvertOpenAIResponsesRequestToGemini_DropsEmptyUnsignedReasoningCarrier: ["contents.#"],
      TestConvertOpenAIResponsesRequestToGemini_PreservesUnboundDetachedCarrierWithoutEmptyThought: [
        "contents.0.parts.0.text",
        "contents.0.parts.0.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToGemini_PreservesReasoningBeforeTrailingAssistantPrefill: [
        "contents",
        "contents.1.parts.1.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToGemini_MergesReasoningWithAssistantVisibleAnswer: [
        "contents.0.parts.1.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToGemini_MergesReasoningWithUserRoleOutputText: [
        "contents",
        "contents.0.parts.1.text",
      ],
      TestConvertOpenAIResponsesRequestToGemini_TwoTurnCustomToolRoundtripWithReasoning: [
        "contents.1.parts.1.thoughtSignature",
      ],
      TestConvertOpenAIResponsesRequestToAntigravity_GeminiReasoningUsesNativeThoughtSignaturePlacement: [
        "request.contents.0.parts.0.thoughtSignature",
      ],
    },
  },
  {
    reason:
      "Their compatible mode is for copies of Anthropic's API that check no signatures. Thinking without a state of the target's own is not sent as if it had one.",
    tests: {
      TestConvertClaudeRequestToCodexWithCompatPreservesEmptyThinking: ["input.0.type", "input.0.encrypted_content"],
      TestConvertClaudeRequestToGeminiWithCompatPreservesEmptyThinking: [
        "contents.0.parts.#",
        "contents.0.parts.0.thoughtSignature",
      ],
      TestConvertOpenAIRequestToClaudeWithCompatPreservesReasoningContent: [
        "messages.0.content.#(type=thinking).thinking",
      ],
      TestConvertOpenAIResponsesRequestToClaudeWithCompatPreservesEmptyReasoning: ["messages.0.content.0"],
      TestConvertClaudeRequestToOpenAIWithCompatPreservesEmptySignatureThinking: ["messages.0.reasoning_content"],
    },
  },
  {
    reason:
      "Gemini takes the text of a thought without a signature. What is behind Antigravity is Claude, which does not.",
    tests: {
      TestConvertClaudeRequestToAntigravity_ThinkingBlockWithoutSignature: ["request.contents.0.parts"],
      TestConvertClaudeRequestToAntigravity_MiddleUnsignedThinking_Removed: ["request.contents.0.parts"],
      TestConvertClaudeRequestToAntigravity_TrailingUnsignedThinking_Removed: ["request.contents.1.parts"],
      TestConvertOpenAIRequestToAntigravity_ClaudeModelSanitizesUnsignedReasoningContent: ["request.contents.1.parts"],
      TestConvertOpenAIRequestToAntigravity_ClaudeModelDropsEmptyAssistantTurnAfterSanitizingReasoningContent: [
        "request.contents",
        "request.contents.1.role",
      ],
    },
  },
  {
    reason: "Ids that we make up are the same on every replay, too, and have names of our own.",
    tests: {
      TestConvertGeminiRequestToCodex_DeterministicCallIDs: ["input.0", "input.1", "input.2", "input.3"],
      TestConvertGeminiRequestToClaude_DeterministicToolIDs: ["messages.0", "messages.1", "messages.2", "messages.3"],
    },
  },
  {
    reason: "An id that the target does not take is made legal with a hash, so that two ids never become one.",
    tests: {
      TestConvertOpenAIRequestToClaude_SanitizesToolCallIDsForClaude: ["messages.0.content.0.id"],
      TestConvertOpenAIResponsesRequestToClaude_SanitizesToolCallIDsForClaude: ["messages.0.content.0.id"],
      TestConvertOpenAIResponsesRequestToClaude_ReplaysCustomToolCallHistory: [
        "messages.0.content.0.id",
        "messages.1.content.0.tool_use_id",
      ],
      TestConvertOpenAIResponsesRequestToClaude_ReplaysNamespacedFunctionCallHistory: [
        "messages.1.content.0.tool_use_id",
      ],
    },
  },
  {
    reason: "We make up no user: what a client does not say is not said for it.",
    tests: {
      TestConvertGeminiRequestToClaude_DefaultRoleDifferentContentProducesDifferentUserIDs: ["metadata.user_id"],
      TestConvertOpenAIRequestToClaude_DeterministicWithoutSessionKey: ["metadata.user_id"],
      TestConvertOpenAIResponsesRequestToClaude_DifferentUserContentWithSameSystemPrompt: ["metadata.user_id"],
    },
  },
  {
    reason: "We alter no content that the user did not ask us to alter.",
    tests: {
      TestConvertClaudeRequestToGemini_StripsClaudeCodeAttribution: ["systemInstruction.parts"],
      TestConvertClaudeRequestToAntigravity_StripsClaudeCodeAttribution: [
        "request.systemInstruction.parts",
        "request.systemInstruction.parts.0.text",
      ],
      TestConvertClaudeRequestToOpenAI_StripsClaudeCodeAttribution: ["messages.0.content.0.text"],
    },
  },
  {
    reason: "OpenAI takes a system message in the midst of a conversation, where it stays one.",
    tests: {
      TestConvertClaudeRequestToCodex_MessageSystemRoleWrapsAsUserReminder: ["input.2", "input.4"],
      TestConvertClaudeRequestToOpenAI_MessageSystemRoleWrapsAsUserReminder: [
        "messages.2.content.0.text",
        "messages.4.content.0.text",
      ],
    },
  },
  {
    reason: "Contents of one role in a row are one: the reminders are parts of the user's turn.",
    tests: {
      TestConvertClaudeRequestToGemini_ConvertsMessageSystemRoleToUserContent: ["contents", "contents.1", "contents.2"],
      TestConvertClaudeRequestToAntigravity_ConvertsMessageSystemRoleToUserContent: ["request.contents"],
    },
  },
  {
    reason:
      "A later system message stays where it stands, as a reminder: moved to the front it would change its meaning, and the prefix that a vendor caches.",
    tests: {
      TestConvertOpenAIRequestToClaude_SystemDoesNotBreakUserTurnAndCacheBoundary: [
        "messages.0.content",
        "system.0.text",
      ],
      TestConvertOpenAIResponsesRequestToClaude_SystemLevelInputsBecomeSeparateSystemBlocks: ["system", "messages"],
    },
  },
  {
    reason: "Gemini's instruction is the system's word for Anthropic, not the user's.",
    tests: {
      TestConvertGeminiRequestToClaude_KeepsSystemInstructionUserSeparate: ["messages", "messages.0", "messages.1"],
    },
  },
  {
    reason: "Anthropic's system takes text only; an image there is lost, with a report, and no marker stands for it.",
    tests: {
      TestConvertOpenAIResponsesRequestToClaude_SystemNonTextPartKeptAsTypedMarker: ["system", "system.1.type"],
    },
  },
  {
    reason:
      "A tool's message holds text in chat: images go to a user's message behind it, since most backends refuse or drop them elsewhere.",
    tests: {
      TestConvertClaudeRequestToOpenAI_ToolResultTextAndImageContent: ["messages", "messages.1.content.1"],
      TestConvertOpenAIResponsesRequestToOpenAIChatCompletions_ConvertsStructuredToolOutputImages: [
        "messages.1.content.1",
      ],
    },
  },
  {
    reason:
      "What a tool gave as text stays that text, also if it happens to be JSON: nobody said that it is a list of parts.",
    tests: {
      "TestConvertOpenAIResponsesRequestToGemini_FunctionCallOutputVariations/stringified JSON array with image": [
        "contents.1.parts",
      ],
      "TestConvertOpenAIResponsesRequestToGemini_FunctionCallOutputVariations/stringified single-element object array preserved as raw JSON":
        [
          "contents.1.parts.0.functionResponse.response.result",
          "contents.1.parts.0.functionResponse.response.result.0.id",
        ],
      "TestConvertOpenAIResponsesRequestToGemini_FunctionCallOutputVariations/structured JSON object with image_url property not an image block":
        ["contents.1.parts.0.functionResponse.response.result.caption"],
      TestConvertOpenAIResponsesRequestToOpenAIChatCompletions_UnwrapsStringifiedCustomToolOutputImages: [
        "messages.1.content.0",
      ],
    },
  },
  {
    reason:
      "Media of a tool's result go into the function's response, where the third generation of Gemini wants them, or behind it for earlier ones; the text beside them stays a text.",
    tests: {
      TestConvertClaudeRequestToGemini_StructuredToolResult: ["contents.1.parts.0", "contents.1.parts.1"],
      TestConvertOpenAIResponsesRequestToGemini_FunctionCallOutputWithImages: ["contents.2.parts.1"],
      "TestConvertOpenAIResponsesRequestToGemini_FunctionCallOutputVariations/nested image_url object with detail": [
        "contents.1.parts",
        "contents.1.parts.1",
      ],
      TestConvertGeminiRequestToAntigravity_PreservesSiblingToolImageOnUserRole: ["request.contents.2.parts"],
    },
  },
  {
    reason: "A last message of the assistant's is left out, with a loss, for those who do not continue it.",
    tests: {
      TestCustomToolCallHistory: ["input", "input.4.content.0.text"],
      TestConvertSystemRoleToDeveloper_NoSystemMessages: ["input.1.role"],
      TestConvertSystemRoleToDeveloper_AssistantRole: ["input.2.role"],
      TestConvertClaudeRequestToAntigravity_RoleMapping: ["request.contents.1.role"],
    },
  },
  {
    reason:
      "Where a model takes only one of temperature and top_p, it is the temperature, which clients set on purpose.",
    tests: {
      TestConvertGeminiRequestToClaude_DropsTemperature: ["top_p"],
      TestConvertOpenAIRequestToClaude_DropsTemperature: ["top_p"],
    },
  },
  {
    reason:
      "OpenAI's Responses and Anthropic take no audio and no video: they are lost, with a report, rather than named in a text or sent to be refused.",
    tests: {
      TestConvertGeminiRequestToCodex_SplitsNonImageInlineDataByMIME: [
        "input.1.content.0.type",
        "input.2.content.0.type",
      ],
      TestConvertGeminiRequestToClaude_SplitsNonImageInlineDataByMIME: ["messages.0.content"],
      TestConvertOpenAIRequestToCodexPreservesInputAudio: ["input.0.content.1.data", "input.0.content.1.format"],
    },
  },
  {
    reason:
      "A tool that the client's vendor runs itself is lost, with a report, with the choice of it: another vendor's search has other answers and other prices, which nobody asked for.",
    tests: {
      TestConvertClaudeRequestToCodex_WebSearchToolMapping: ["tools.0", "tool_choice.type"],
      TestConvertClaudeRequestToAntigravity_MapsTypedWebSearchToIndependentSearchRequest: [
        "requestType",
        "request.tools",
        "request.generationConfig",
      ],
      TestConvertClaudeRequestToAntigravity_UsesDefaultWebSearchMaxResultCountWithoutMaxUses: [
        "request.tools.0.googleSearch.enhancedContent.imageSearch.maxResultCount",
      ],
      TestConvertClaudeRequestToAntigravity_DoesNotMapTypedWebSearchWhenMixedWithCustomTools: [
        'request.tools.#.functionDeclarations.#(name=="lookup")',
      ],
      TestConvertClaudeRequestToAntigravity_DoesNotMapTypedWebSearchForUnsupportedRouteModel: ["model"],
      TestConvertClaudeRequestToAntigravity_DoesNotMapTypedWebSearchForFlashAgentWithoutCapability: ["model"],
    },
  },
  {
    reason:
      "Gemini takes a JSON schema with all its keywords in `parametersJsonSchema` and `responseJsonSchema`; Antigravity does not.",
    tests: {
      TestConvertOpenAIRequestToGeminiCleansToolSchemaRequiredFields: [
        "tools.0.functionDeclarations.0.parametersJsonSchema.title",
      ],
      TestConvertOpenAIResponsesRequestToGeminiCleansToolSchemaRequiredFields: [
        "tools.0.functionDeclarations.0.parametersJsonSchema.title",
      ],
      TestConvertOpenAIRequestToAntigravityMapsResponseFormatJSONSchema: [
        "request.generationConfig.responseSchema",
        "request.generationConfig.responseSchema.properties.score.type",
      ],
    },
  },
  {
    reason:
      "Declarations stand in one list, whatever the lists that the client made, and a doubled name is lost, with a report.",
    tests: {
      TestConvertGeminiRequestToAntigravityDeduplicatesRequestWideAndDisambiguatesTools: ["request.tools"],
    },
  },
  {
    reason: "`generationConfig` is no word of chat's; it is reported as lost.",
    tests: {
      TestConvertOpenAIRequestToGeminiResponseFormatJSONSchema: ["generationConfig.temperature"],
      TestConvertOpenAIRequestToGeminiResponseFormatJSONObject: ["generationConfig.temperature"],
    },
  },
  {
    reason: "We put no prompts of ours into requests.",
    tests: {
      TestConvertClaudeRequestToAntigravity_ToolsOnly_NoHint: ["request.systemInstruction"],
      TestConvertClaudeRequestToAntigravity_ThinkingOnly_NoHint: ["request.systemInstruction"],
      TestConvertClaudeRequestToAntigravity_ToolAndThinking_NoExistingSystem: ["request.systemInstruction"],
    },
  },
  {
    reason:
      "Antigravity's envelope and what it needs for the Claude behind it: Gemini itself has no such model, and wants a signature on calls.",
    tests: {
      TestConvertClaudeRequestToAntigravity_BasicStructure: ["model"],
      TestConvertGeminiRequestToAntigravity_SkipsUppercaseClaudeModel: ["request.contents.0.parts.0.thoughtSignature"],
      TestConvertClaudeRequestToAntigravity_ToolUse: ["request.contents.0.parts.0.thoughtSignature"],
      TestConvertClaudeRequestToAntigravity_ToolUse_DropsInvalidThoughtSignatureOnly: [
        "request.contents.0.parts.0.thoughtSignature",
      ],
      TestConvertClaudeRequestToAntigravity_ReorderTextAfterFunctionCall: ["request.contents.0.parts"],
      TestConvertClaudeRequestToAntigravity_ReorderParallelFunctionCalls: ["request.contents.0.parts"],
      TestConvertClaudeRequestToAntigravity_ThinkingConfig: ["request.generationConfig.thinkingConfig"],
    },
  },
  {
    reason:
      "Several plain texts of the assistant's are one text in chat, and its reasoning goes back beside its calls, to those who want it.",
    tests: {
      TestConvertClaudeRequestToOpenAI_AssistantTextToolUseTextOrder: [
        "messages.0.content.0.text",
        "messages.0.content.1.text",
      ],
      TestConvertClaudeRequestToOpenAI_AssistantThinkingToolUseThinkingSplit: [
        "messages.0.content",
        "messages.0.reasoning_content",
      ],
    },
  },
  {
    reason: "What stood before and behind a tool's result is two messages of the user's.",
    tests: {
      TestConvertClaudeRequestToOpenAI_ToolResultOrderAndContent: ["messages", "messages.2.content.1.text"],
    },
  },
  {
    reason:
      "Anthropic wants a first and a last word of the user's: one is written at the end, too, for models that refuse to continue their own.",
    tests: {
      TestConvertOpenAIResponsesRequestToClaude_DoesNotMergeAcrossRoleChanges: ["messages"],
      TestConvertOpenAIResponsesRequestToClaude_EmptyStringContentDoesNotBreakAssistantTurn: ["messages"],
    },
  },
  {
    reason:
      "Marks for caching are no words of OpenAI's Responses; in chat, where OpenRouter's clients set them, they are understood.",
    tests: {
      TestConvertOpenAIResponsesRequestToClaude_PreservesContentPartCacheControl: [
        "messages.0.content.0.cache_control.type",
      ],
      TestConvertOpenAIResponsesRequestToClaude_MergesConsecutiveUserMessagesAndPreservesCacheControl: [
        "messages.0.content.0.cache_control.type",
      ],
    },
  },
  {
    reason: "A tool of free text becomes a function with one string, and its answers become free text again.",
    tests: {
      TestConvertOpenAIResponsesRequestToClaude_DropsApplyPatchCustomTool: [
        "tools.#",
        "tools.0",
        'tools.#(name=="apply_patch")',
      ],
    },
  },
  {
    reason: "Of tools with one name the first counts, and its calls are what they were.",
    tests: {
      TestSameNameCustomAndFunctionDefaultsToFunctionFamily: ["input.0", "input.1", "tool_choice.type"],
      TestConvertOpenAIResponsesRequestToClaude_PrefersDirectToolAcrossAdditionalSources: [
        "tools.0.description",
        "tools.0.input_schema.properties.input.type",
      ],
    },
  },
  {
    reason: "Anthropic takes a text behind a call; the order in which the model spoke stays.",
    tests: {
      TestConvertOpenAIResponsesRequestToClaude_KeepsToolUseAdjacentToToolResult: [
        "messages.0.content.0",
        "messages.0.content.1",
      ],
    },
  },
  {
    reason:
      "Reasoning of turns without calls is not sent to those who never made it, and where there is none, no words stand for it unless a vendor demands them.",
    tests: {
      TestConvertOpenAIResponsesRequestToOpenAIChatCompletions_KeepsReasoningBeforeUserMessage: [
        "messages.#",
        "messages.0",
        "messages.1",
      ],
      TestConvertOpenAIResponsesRequestToOpenAIChatCompletions_ReplacesUnavailableReasoningWithinAssistantTurn: [
        "messages.0.reasoning_content",
      ],
      TestConvertOpenAIResponsesRequestToOpenAIChatCompletions_AttachesReasoningToAssistantMessage: [
        "messages.0.reasoning_content",
      ],
    },
  },
];

/** The reason why an assertion need not hold. */
export function decidedOtherwise(test: string, path: string): string | undefined {
  const covers = ({ tests }: Decision) =>
    Object.hasOwn(tests, test) && tests[test]?.some((start) => path === start || path.startsWith(`${start}.`));
  return decisions.find((decision) => covers(decision))?.reason;
}
