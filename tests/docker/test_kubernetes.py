"""Manifests, held against Kubernetes' schemas, the restricted profile of Pod Security, and what whodid takes."""

import re

import kubernetes_validate
import pytest
import yaml

from pipeline.kit.measured import ALL as METRICS
from pipeline.kit.topics import catalogue
from pipeline.run.roles import ROLES
from tests.cli.tree import parsed
from tests.docker.described import DOCKER, VARIABLES

FOLDER = DOCKER / "kubernetes"
KUBERNETES = "1.34"
#: Kinds of operators, whose schemas are not Kubernetes' own.
OPERATORS = ("keda.sh", "monitoring.coreos.com", "kustomize.config.k8s.io")
#: What a pod of the restricted profile may mount.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def documents():
    for path in sorted(FOLDER.rglob("*.yaml")):
        for one in yaml.safe_load_all(path.read_text()):
            yield f"{path.relative_to(FOLDER)}:{one['kind']}/{one.get('metadata', {}).get('name', '')}", one


ALL = dict(documents())
PODS = {name: one["spec"]["template"] for name, one in ALL.items() if "template" in one.get("spec", {})}
CONFIG = ALL["config.yaml:ConfigMap/whodid"]["data"]
EACH_POD = pytest.mark.parametrize("name", PODS)


def of_kind(kind):
    return [one for one in ALL.values() if one["kind"] == kind]


@pytest.mark.parametrize("name", [name for name, one in ALL.items() if not one["apiVersion"].startswith(OPERATORS)])
def test_kubernetes_knows_every_field(name):
    kubernetes_validate.validate(ALL[name], KUBERNETES, strict=True)


def test_a_slip_would_be_found():
    slip = {
        **ALL["store.yaml:StatefulSet/store"],
        "spec": {**ALL["store.yaml:StatefulSet/store"]["spec"], "replica": 2},
    }
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(slip, KUBERNETES, strict=True)


def test_kustomize_is_given_every_file():
    for path in FOLDER.rglob("kustomization.yaml"):
        named = set(yaml.safe_load(path.read_text())["resources"])
        there = {one.name for one in path.parent.glob("*.yaml")} - {path.name}
        assert named <= there
        # Of two ways to scale one is taken.
        assert there - named <= {"hpa.yaml"}


@EACH_POD
def test_a_pod_is_of_the_restricted_profile(name):
    spec = PODS[name]["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(spec)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(set(volume) - {"name"} <= VOLUMES for volume in spec["volumes"])
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not {"privileged", "procMount", "seLinuxOptions"} & set(context)
        assert all("hostPort" not in port for port in container.get("ports", []))


@EACH_POD
def test_a_pod_writes_to_its_own_folders_only_and_has_no_token(name):
    spec = PODS[name]["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")} == {
        "/tmp", "/var/lib/whodid",
    }  # fmt: skip
    assert spec["automountServiceAccountToken"] is False
    accounts = {one["metadata"]["name"] for one in of_kind("ServiceAccount") if not one["automountServiceAccountToken"]}
    assert spec["serviceAccountName"] in accounts
    assert "memory" in container["resources"]["limits"]
    assert {"cpu", "memory"} == set(container["resources"]["requests"])
    claims = [one["spec"].get("volumeClaimTemplates", []) for key, one in ALL.items() if key == name]
    volumes = {one["name"] for one in spec["volumes"]} | {
        one["metadata"]["name"] for [*found] in claims for one in found
    }
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


@EACH_POD
def test_a_pod_runs_a_command_that_there_is_with_settings_that_there_are(name):
    (container,) = PODS[name]["spec"]["containers"]
    assert parsed(container["args"]) in ("run", "topics create", "store migrate")
    assert container["envFrom"] == [{"configMapRef": {"name": "whodid"}}]
    assert {one["name"] for one in container.get("env", [])} | set(CONFIG) <= VARIABLES
    assert container["image"] == "whodid:0.1.0"


def test_every_role_runs_and_nothing_else_is_asked_for():
    args = [pod["spec"]["containers"][0]["args"] for pod in PODS.values()]
    assert sorted(role for words in args if words[0] == "run" for role in words[1:]) == sorted(ROLES)


@pytest.mark.parametrize("name", [name for name in PODS if "Job" not in name])
def test_what_stays_up_is_probed_spread_and_never_evicted_at_once(name):
    spec, labels = PODS[name]["spec"], PODS[name]["metadata"]["labels"]
    (container,) = spec["containers"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]}["ops"] == int(CONFIG["WHODID_OPS_PORT"])
    paths = {
        probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert all(container[probe]["httpGet"]["port"] == "ops" for probe in paths)
    assert spec["terminationGracePeriodSeconds"] > 30, "an orderly end may take as long"
    keys = {one["topologyKey"] for one in spec["topologySpreadConstraints"]}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert ALL[name]["spec"]["replicas"] > 1
    assert any(one["spec"]["selector"]["matchLabels"] == labels for one in of_kind("PodDisruptionBudget"))


def test_members_with_a_name_are_statefulsets_and_have_time_to_come_back():
    for name, pod in PODS.items():
        named = [one for one in pod["spec"]["containers"][0].get("env", []) if one["name"] == "WHODID_INSTANCE"]
        assert bool(named) == ("StatefulSet" in name)
        for one in named:
            assert one["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert float(CONFIG["WHODID_SESSION_TIMEOUT"]) >= 45


def test_no_secret_is_in_a_manifest():
    assert of_kind("Secret") == []
    for name, value in CONFIG.items():
        if re.search("PASSWORD|KEY|SECRET|CLICKHOUSE(?!_MIGRATE)", name):
            assert name.endswith("_FILE"), name
            assert value.startswith("/run/secrets/whodid/"), name


def test_nothing_is_reached_that_no_policy_says():
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind("NetworkPolicy")}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    inward = {port["port"] for one in policies.values() for rule in one.get("ingress", []) for port in rule["ports"]}
    outward = {port["port"] for one in policies.values() for rule in one.get("egress", []) for port in rule["ports"]}
    assert (inward, outward) == ({8470, int(CONFIG["WHODID_OPS_PORT"])}, {53, 9093, 8443, 443})
    assert all(rule["from"] for one in policies.values() for rule in one.get("ingress", []))


def test_scaling_ends_at_the_number_of_partitions_and_asks_for_what_there_is():
    targets = {(one["kind"], one["metadata"]["name"]) for one in ALL.values() if "metadata" in one}
    for kind, most in (("ScaledObject", "maxReplicaCount"), ("HorizontalPodAutoscaler", "maxReplicas")):
        for one in of_kind(kind):
            assert one["spec"][most] == int(CONFIG["WHODID_PARTITIONS"])
            target = one["spec"]["scaleTargetRef"]
            assert (target["kind"], target["name"]) in targets
    for one in of_kind("ScaledObject"):
        (trigger,) = one["spec"]["triggers"]
        assert trigger["metadata"]["topic"] in catalogue()
        assert trigger["metadata"]["bootstrapServers"] == CONFIG["WHODID_BOOTSTRAP"]
    metrics = {
        one["external"]["metric"]["name"]
        for hpa in of_kind("HorizontalPodAutoscaler")
        for one in hpa["spec"]["metrics"]
    }
    assert metrics <= {one.family for one in METRICS}
