"""Names of attributes that registries of conventions list; the others in their namespaces are drift, kept and named.

OpenTelemetry semantic conventions up to 1.41 (gen_ai, mcp), the drafts of semantic-conventions-genai, OpenInference
0.1, OpenLLMetry's semantic conventions 0.5, and what coding agents and the vendors' own SDKs are known to add.
What stands outside these namespaces is an application's own business, and no drift.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.normalize.documents import text_of
from pipeline.normalize.strange import FIELDS, PATH, VALUE
from schemas.event import UNKNOWN

_NAMESPACES = ("gen_ai.", "mcp.", "openinference.", "traceloop.", "llm.")
#: Below these stand numbers, or names that an application makes up.
_OPEN = (
    "gen_ai.prompt.", "gen_ai.completion.", "gen_ai.prompt.variable.", "gen_ai.guardrail.", "gen_ai.headers.",
    "gen_ai.task.", "llm.input_messages", "llm.output_messages", "llm.tools", "llm.prompts", "llm.choices",
    "llm.request.functions", "llm.prompt_template.", "llm.cost.", "llm.token_count.", "llm.headers", "llm.watsonx.",
    "llm.invocation_parameters", "traceloop.association.properties", "traceloop.prompt.",
)  # fmt: skip
_LISTED = {
    "gen_ai.": """
        provider.name operation.name system prompt completion system_instructions input.messages output.messages
        output.type conversation.id conversation.compacted data_source.id workflow.name workflow.nodes workflow.edges
        prompt.name user headers is_streaming content.completion.chunk event.content message.id message.status
        thread.id thread.run.id thread.run.status run_step.status run_step.start.timestamp run_step.end.timestamp
        agent.id agent.name agent.description agent.version agent.identity.id agent.identity.name agent.remote
        request.model request.model.id request.max_tokens request.max_completion_tokens request.choice.count request.n
        request.temperature request.top_p request.top_k request.stop_sequences request.frequency_penalty
        request.presence_penalty request.repetition_penalty request.encoding_formats request.seed request.stream
        request.reasoning_effort request.reasoning_summary request.structured_output_schema request.is_stream
        request.attempt
        response.id response.model response.finish_reasons response.finish_reason response.stop_reason
        response.time_to_first_chunk response.reasoning_effort
        usage.input_tokens usage.output_tokens usage.prompt_tokens usage.completion_tokens usage.total_tokens
        usage.token_type usage.reasoning_tokens usage.reasoning.output_tokens usage.cache_read.input_tokens
        usage.cache_creation.input_tokens usage.cache_read_input_tokens usage.cache_creation_input_tokens
        usage.text.input_tokens usage.image.input_tokens usage.audio.input_tokens usage.video.input_tokens
        usage.text.output_tokens usage.audio.output_tokens usage.cost
        token.type token.modality token.cache token.phase
        tool.name tool.type tool.description tool.call.id tool.call.arguments tool.call.result tool.definitions
        retrieval.documents retrieval.query.text embeddings.dimension.count
        memory.store.id memory.record.id memory.record.count memory.query.text memory.records memory.id
        evaluation.name evaluation.score.value evaluation.score.label evaluation.explanation
        openai.request.response_format openai.request.seed openai.request.service_tier openai.response.service_tier
        openai.response.system_fingerprint openai.system_fingerprint openai.api_base openai.api_type openai.api_version
        runtime.id browser.id code_interpreter.id gateway.id
        conversation.max_turns conversation.turns conversation.resumed""",
    "mcp.": """
        method.name session.id session.init_options protocol.version resource.uri tool.name request.id request.argument
        response.value server.name server_name""",
    "openinference.": "span.kind project.name",
    "traceloop.": """
        span.kind workflow.name entity.name entity.path entity.input entity.output entity.version correlation.id""",
    "llm.": """
        model_name provider system finish_reason function_call request.type request.model_name response.model_name
        request.reasoning_effort request.repetition_penalty response.finish_reason response.stop_reason
        usage.total_tokens usage.token_type usage.reasoning_tokens user is_streaming content.completion.chunk
        frequency_penalty presence_penalty top_k temperature chat.stop_sequences embeddings.vector_size
        chat_completions.streaming_time_to_generate""",
}
_KNOWN = frozenset(space + name for space, names in _LISTED.items() for name in names.split())
_NUMBER = re.compile(r"\.\d+(?=\.|$)")


def known(name: str) -> bool:
    """Whether a registry lists the name, or it is in no namespace of theirs."""
    return name in _KNOWN or not name.startswith(_NAMESPACES) or name.startswith(_OPEN)


def strange(attributes: dict[str, Any]) -> dict[str, str]:
    """What an event keeps of the attributes that no registry lists, and which they are; nothing for most."""
    found: dict[str, str] = {}
    for name, value in attributes.items():
        if known(name) or value is None:
            continue
        # A list that is told apart by numbers is one name.
        found.setdefault(_NUMBER.sub("", name[: 2 * PATH])[:PATH].replace("\n", " "), text_of(value, VALUE))
        if len(found) == FIELDS:
            break
    return {**found, UNKNOWN: "\n".join(found)} if found else {}
