"""Runs clients that others wrote against the real server: tritonclient for KServe v2, the health and
the reflection clients of gRPC itself.

  kserve_clients.py SERVER MODEL_FOLDER

SERVER is strata-server; MODEL_FOLDER a model with a classification head, of which the script makes a
repository of two versions. Exits with 1 and a traceback where something is not as it should be.
"""

import concurrent.futures
import hashlib
import json
import math
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import grpc
import numpy as np
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase)
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

MODEL = "subjects"
DOCUMENTS = [
    "Water vapour condenses into clouds. Rain falls and rivers carry it to the sea.",
    "The cell divides. Each daughter cell receives a copy of every chromosome.",
    "A price floor above equilibrium leaves a surplus of goods that nobody buys.",
]


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def add_version(repository, model_folder, version):
    folder = repository / MODEL / f"{version}.partial"
    folder.mkdir(parents=True)
    sums = []
    for path in sorted(pathlib.Path(model_folder).iterdir()):
        if path.is_file():
            shutil.copy(path, folder / path.name)
            sums.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums))
    folder.rename(folder.with_name(str(version)))


def set_plan(repository, plan):
    (repository / MODEL / "model.json").write_text(json.dumps(plan))


def document_input(documents):
    array = np.array([d.encode() if isinstance(d, str) else d for d in documents], dtype=np.object_)
    tensor = triton.InferInput("document", [len(documents)], "BYTES")
    tensor.set_data_from_numpy(array)
    return tensor


def outputs(*names):
    return [triton.InferRequestedOutput(name) for name in names]


def infer(client, documents, *names, **options):
    options.setdefault("parameters", {"format": "text"})
    return client.infer(MODEL, [document_input(documents)], outputs=outputs(*names) or None,
                        **options)


def refused(code, call):
    try:
        call()
    except InferenceServerException as error:
        check(error.status() == f"StatusCode.{code}", f"{error.status()} in place of {code}")
        return error.message()
    raise AssertionError(f"no {code}")


class Unary:
    """A method of a service that is known by reflection alone."""

    def __init__(self, channel, pool, service, method):
        descriptor = pool.FindServiceByName(service).FindMethodByName(method)
        self.request = message_factory.GetMessageClass(descriptor.input_type)
        response = message_factory.GetMessageClass(descriptor.output_type)
        self.call = channel.unary_unary(f"/{service}/{method}",
                                        request_serializer=self.request.SerializeToString,
                                        response_deserializer=response.FromString)


def check_core(client):
    check(client.is_server_live() and client.is_server_ready(), "the server is not ready")
    check(client.is_model_ready(MODEL) and client.is_model_ready(MODEL, "2"), "no model is ready")
    check(not client.is_model_ready(MODEL, "1") and not client.is_model_ready("none"),
          "a model that is not there is ready")
    server = client.get_server_metadata()
    check(server.name == "strata" and "model_repository" in server.extensions, server)
    metadata = client.get_model_metadata(MODEL)
    check(list(metadata.versions) == ["2"] and metadata.inputs[0].name == "document", metadata)
    check({o.name: o.datatype for o in metadata.outputs} == {
        "label": "BYTES", "probability": "FP32", "embedding": "FP32", "token_count": "INT64",
        "error": "BYTES"}, metadata)
    config = client.get_model_config(MODEL).config
    check(config.name == MODEL and config.max_batch_size == 0 and len(config.output) == 5, config)
    width = {o.name: list(o.shape) for o in metadata.outputs}["embedding"][1]

    result = infer(client, DOCUMENTS, request_id="r-1")
    response = result.get_response()
    check(response.id == "r-1" and response.model_version == "2", response)
    probability, label = result.as_numpy("probability"), result.as_numpy("label")
    check(probability.shape == label.shape and probability.shape[0] == 3, probability.shape)
    check(np.allclose(probability.sum(axis=1), 1, atol=1e-4), "probabilities do not add up")
    check((np.diff(probability, axis=1) <= 0).all(), "labels are not best first")
    check(result.as_numpy("embedding").shape == (3, width), "embedding has another shape")
    check((result.as_numpy("token_count") > 5).all(), "token counts are missing")
    check(list(result.as_numpy("error")) == [b"", b"", b""], "error is not empty")

    # Alone or in a batch: the same, up to rounding.
    for i, document in enumerate(DOCUMENTS):
        alone = infer(client, [document], "label", "probability", "embedding")
        check(alone.as_numpy("label")[0][0] == label[i][0], "a batch changes the label")
        check(np.allclose(alone.as_numpy("probability")[0], probability[i], atol=1e-5),
              "a batch changes probabilities")
    top = infer(client, DOCUMENTS, "label", parameters={"format": "text", "top_k": 2})
    check((top.as_numpy("label") == label[:, :2]).all(), "top_k is not the best two")
    unit = infer(client, DOCUMENTS, "embedding", parameters={"format": "text", "normalize": True})
    check(np.allclose(np.linalg.norm(unit.as_numpy("embedding"), axis=1), 1, atol=1e-5),
          "normalized vectors are not of length 1")
    html = infer(client, ["<h1>Rain</h1><p>Water falls.</p>"], "token_count",
                 parameters={"format": "html"})
    check(html.as_numpy("token_count")[0] > 2, "HTML is not read")
    return label, probability


def check_errors(client):
    refused("NOT_FOUND", lambda: client.infer("none", [document_input(["x"])]))
    refused("NOT_FOUND", lambda: infer(client, ["x"], model_version="7"))
    refused("INVALID_ARGUMENT", lambda: infer(client, ["x"], "logits"))
    refused("INVALID_ARGUMENT", lambda: infer(client, ["x"], parameters={"colour": "red"}))
    numbers = triton.InferInput("document", [1], "FP32")
    numbers.set_data_from_numpy(np.zeros([1], dtype=np.float32))
    refused("INVALID_ARGUMENT", lambda: client.infer(MODEL, [numbers]))
    message = refused("INVALID_ARGUMENT", lambda: infer(client, ["good", b"\xff\xfe\xff"]))
    check("document 1" in message, message)
    refused("UNIMPLEMENTED", lambda: client.get_system_shared_memory_status())
    refused("UNIMPLEMENTED", lambda: client.get_trace_settings())
    refused("DEADLINE_EXCEEDED", lambda: infer(client, ["a b c. " * 20000], client_timeout=0.001))

    result = infer(client, ["Rain falls.", b"\xff\xfe\xff"], "label", "probability", "error")
    errors = result.as_numpy("error")
    check(errors[0] == b"" and errors[1].startswith(b"INVALID_ARGUMENT: "), errors)
    check(result.as_numpy("label")[0][0] != b"" and result.as_numpy("label")[1][0] == b"",
          "the bad document has a label")
    check(math.isnan(result.as_numpy("probability")[1][0]), "the bad document has a probability")


def check_async_and_stream(client, label):
    done = queue.Queue()
    for _ in range(20):
        client.async_infer(MODEL, [document_input(DOCUMENTS)],
                           lambda result, error: done.put((result, error)),
                           outputs=outputs("label"), parameters={"format": "text"})
    for _ in range(20):
        result, error = done.get(timeout=60)
        check(error is None, error)
        check((result.as_numpy("label") == label).all(), "async_infer answers differently")

    client.start_stream(lambda result, error: done.put((result, error)))
    for i in range(50):
        client.async_stream_infer("none" if i == 7 else MODEL, [document_input([DOCUMENTS[i % 3]])],
                                  request_id=str(i), outputs=outputs("label"),
                                  parameters={"format": "text"})
    for i in range(50):
        result, error = done.get(timeout=60)
        if i == 7:
            check(error is not None and "NOT_FOUND" in error.message(), error)
            continue
        check(error is None, error)
        check(result.get_response().id == str(i), "the stream is out of order")
        check(result.as_numpy("label")[0][0] == label[i % 3][0], "the stream answers differently")
    client.stop_stream()


def check_statistics_and_log(client):
    stats = client.get_inference_statistics(MODEL).model_stats
    check(len(stats) == 1 and stats[0].version == "2", stats)
    before = stats[0].inference_count
    infer(client, DOCUMENTS, "label")
    after = client.get_inference_statistics(MODEL).model_stats[0]
    check(after.inference_count == before + 3, "inference_count does not count documents")
    check(after.inference_stats.success.ns > 0 and after.execution_count > 0, after)
    level = client.update_log_settings({"log_verbose_level": 1}).settings
    check(level["log_level"].string_param == "debug", level)
    client.update_log_settings({"log_verbose_level": 0})
    check(client.get_log_settings().settings["log_level"].string_param == "info", "log level")


def check_repository(client, address, repository, model_folder):
    """Loads, unloads and exchanges versions while others ask without a pause."""
    stop, failures, count = threading.Event(), [], [0]

    def ask():
        other = triton.InferenceServerClient(address)
        while not stop.is_set():
            try:
                infer(other, DOCUMENTS[:1], "label")
                count[0] += 1
            except InferenceServerException as error:
                failures.append(error)

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        askers = [pool.submit(ask) for _ in range(3)]
        try:
            for version in range(3, 8):
                add_version(repository, model_folder, version)
                client.load_model(MODEL)
                served = client.get_model_metadata(MODEL).versions
                check(list(served) == [str(version)], served)
            set_plan(repository, {"version_policy": {"specific": [3, 7]},
                                  "labels": {"stable": 3, "canary": 7}})
            client.load_model(MODEL)
        finally:
            stop.set()
        for asker in askers:
            asker.result()
    check(not failures and count[0] > 0, f"{len(failures)} of {count[0]} calls failed: {failures[:1]}")
    for label, version in [("stable", "3"), ("canary", "7"), ("3", "3"), ("", "7")]:
        answer = infer(client, DOCUMENTS[:1], "label", model_version=label).get_response()
        check(answer.model_version == version, f"{label}: {answer.model_version}")

    # A damaged version is refused, and the others go on.
    add_version(repository, model_folder, 8)
    weights = repository / MODEL / "8" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    set_plan(repository, {"version_policy": {"latest": 1}})
    refused("DATA_LOSS", lambda: client.load_model(MODEL))
    infer(client, DOCUMENTS, "label")
    states = {(m.version, m.state) for m in client.get_model_repository_index().models}
    check({("3", "READY"), ("7", "READY"), ("8", "UNAVAILABLE")} <= states, states)
    refused("INVALID_ARGUMENT", lambda: client.load_model("../" + MODEL))
    refused("NOT_FOUND", lambda: client.load_model("none"))
    refused("UNIMPLEMENTED", lambda: client.load_model(MODEL, config="{}"))


def check_health(client, channel):
    health = health_pb2_grpc.HealthStub(channel)
    serving, not_serving = (health_pb2.HealthCheckResponse.SERVING,
                            health_pb2.HealthCheckResponse.NOT_SERVING)
    for name in ["", "strata.v1.StrataService", "inference.GRPCInferenceService",
                 f"models/{MODEL}"]:
        status = health.Check(health_pb2.HealthCheckRequest(service=name)).status
        check(status == serving, f"{name}: {status}")
    try:
        health.Check(health_pb2.HealthCheckRequest(service="models/none"))
        raise AssertionError("an unknown model has a health")
    except grpc.RpcError as error:
        check(error.code() == grpc.StatusCode.NOT_FOUND, error)
    watch = health.Watch(health_pb2.HealthCheckRequest(service=f"models/{MODEL}"), timeout=60)
    check(next(watch).status == serving, "Watch does not begin with SERVING")
    client.unload_model(MODEL)
    check(next(watch).status == not_serving, "unloading is not seen")
    refused("UNAVAILABLE", lambda: infer(client, ["x"]))
    check(client.is_server_ready() and not client.is_model_ready(MODEL), "unloaded and ready")
    shutil.rmtree(client.repository / MODEL / "8")
    client.load_model(MODEL)
    check(next(watch).status == serving, "loading is not seen")
    watch.cancel()


def check_reflection(channel, label, probability):
    """Our own service, called by what reflection tells of it, gives the same answers."""
    database = ProtoReflectionDescriptorDatabase(channel)
    services = set(database.get_services())
    check({"strata.v1.StrataService", "inference.GRPCInferenceService", "grpc.health.v1.Health"} <=
          services, services)
    pool = descriptor_pool.DescriptorPool(database)
    classify = Unary(channel, pool, "strata.v1.StrataService", "Classify")
    for i, text in enumerate(DOCUMENTS):
        request = classify.request(model=MODEL)
        request.document.content = text.encode()
        request.document.format = 1  # plain text
        answer = classify.call(request, timeout=60)
        check(answer.result.labels[0].label.encode() == label[i][0], "the services disagree")
        check(abs(answer.result.labels[0].probability - probability[i][0]) < 1e-5,
              "the services disagree")


def main(server, model_folder):
    with tempfile.TemporaryDirectory(prefix="strata_kserve_") as temporary:
        repository = pathlib.Path(temporary)
        add_version(repository, model_folder, 1)
        add_version(repository, model_folder, 2)
        with open(repository / "stderr.log", "wb") as log, subprocess.Popen(
                [server, "--repository", repository, "--listen", "127.0.0.1:0", "--json"],
                stdout=subprocess.PIPE, stderr=log) as process:
            try:
                line = process.stdout.readline()
                check(line, "the server did not start: " +
                      (repository / "stderr.log").read_text()[-2000:])
                address = json.loads(line)["ready"]
                client = triton.InferenceServerClient(address)
                client.repository = repository
                with grpc.insecure_channel(address) as channel:
                    label, probability = check_core(client)
                    check_errors(client)
                    check_async_and_stream(client, label)
                    check_statistics_and_log(client)
                    check_reflection(channel, label, probability)
                    check_repository(client, address, repository, model_folder)
                    check_health(client, channel)
                client.close()
                process.send_signal(signal.SIGTERM)
                check(process.wait(timeout=60) == 0, "the server did not end with 0")
            finally:
                process.kill()
    print("tritonclient, grpc health and grpc reflection: all as they should be")


if __name__ == "__main__":
    main(*sys.argv[1:])
