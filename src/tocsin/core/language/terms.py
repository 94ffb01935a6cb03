"""The words of the trade with what to write instead. `TERMS` are findings; many readers do understand those of `SOFT`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tocsin.core.language.text import compiled, words


class Terms:
    """`plain`: a spelling, and what to write instead (empty: nothing better than leaving it out). Plurals count as well.

    `patterns`: further ones, as a regular expression.
    """

    def __init__(self, plain: Mapping[str, str], patterns: str = "") -> None:
        self._plain = {" ".join(name.lower().split()): instead for name, instead in plain.items()}
        listed = f"(?:{words(*plain)})(?:s|es)?"
        self.pattern: re.Pattern[str] = compiled(f"{listed}|{patterns}" if patterns else listed)

    def instead(self, said: str) -> str:
        key = " ".join(said.lower().split())
        return next(
            (self._plain[name] for name in (key, key.removesuffix("s"), key.removesuffix("es")) if name in self._plain),
            "",
        )


TERMS = Terms(
    {
        # programs and how they fail
        "microservice": "part of our system", "micro-service": "part of our system", "null pointer exception": "software error",
        "null pointer": "software error", "nullpointer": "software error", "npe": "software error", "segfault": "crash",
        "segmentation fault": "crash", "stack trace": "", "stacktrace": "", "stack overflow": "crash", "core dump": "crash",
        "kernel panic": "crash", "race condition": "timing error", "deadlock": "standstill", "livelock": "standstill",
        "mutex": "", "memory leak": "software error", "out of memory": "overload", "out-of-memory": "overload",
        "oom": "overload", "oomkilled": "overload", "oom-killed": "overload", "garbage collection": "", "heap space": "",
        "heap memory": "", "heap size": "", "heap dump": "", "jvm": "", "thread pool": "", "threadpool": "", "worker thread": "",
        "unhandled exception": "software error", "uncaught exception": "software error", "runtime exception": "software error",
        "exception handler": "", "buffer overflow": "software error", "regex": "", "off-by-one": "software error",
        "infinite loop": "software error", "backtrace": "", "traceback": "", "business logic": "",
        "middleware": "part of our system", "codebase": "software", "code path": "", "codepath": "", "feature flag": "setting",
        "backend": "our system", "back-end": "our system", "refactor": "change", "refactoring": "change",
        "regression": "error that came with a change", "monolith": "", "pull request": "change", "merge commit": "change",
        "commit hash": "", "config map": "settings", "configmap": "settings", "yaml": "", "json payload": "data",
        "request payload": "data", "serialization": "", "deserialization": "", "endpoint": "service",
        "cron job": "scheduled task", "cronjob": "scheduled task", "daemon": "",
        # data
        "connection pool": "capacity", "connection pooling": "capacity", "pgbouncer": "",
        "failover": "switch to our backup system", "fail-over": "switch to our backup system",
        "failed over": "switched to our backup system", "replica": "copy of our data", "read replica": "copy of our data",
        "replication lag": "delay", "data replication": "copying of data", "database replication": "copying of data",
        "shard": "part of our data", "sharding": "", "resharding": "", "split brain": "", "split-brain": "", "quorum": "",
        "postgres": "database", "postgresql": "database", "mysql": "database", "mongodb": "database", "dynamodb": "database",
        "elasticsearch": "search", "opensearch cluster": "search", "redis": "", "memcached": "", "kafka": "", "rabbitmq": "",
        "etcd": "", "zookeeper": "", "schema migration": "change to our database",
        "database migration": "change to our database", "ddl": "", "sql": "", "table lock": "", "row lock": "",
        "lock contention": "overload", "contention": "overload", "slow query": "slow database", "write-ahead log": "", "wal": "",
        "iops": "", "disk i/o": "", "dead letter queue": "", "dlq": "", "idempotency": "", "foreign key": "",
        "index rebuild": "", "orm": "", "etl": "",
        # machines and networks
        "kubernetes": "", "k8s": "", "kubelet": "", "crashloop": "crash", "crashloopbackoff": "crash",
        "crash loop": "repeated crash", "docker": "", "containerd": "", "helm chart": "", "terraform": "", "ansible": "",
        "nginx": "", "haproxy": "", "envoy proxy": "", "istio": "", "service mesh": "", "sidecar": "", "ingress": "",
        "egress": "", "load balancer": "our system", "loadbalancer": "our system", "reverse proxy": "", "autoscaler": "",
        "autoscaling": "added capacity", "auto-scaling": "added capacity", "autoscale": "add capacity", "hypervisor": "",
        "vm": "", "vpc": "", "ec2": "", "rds": "", "s3 bucket": "", "lambda function": "", "availability zone": "data centre",
        "bgp": "", "tcp": "", "udp": "", "mtu": "", "tls": "", "tls handshake": "secure connection",
        "ssl handshake": "secure connection", "packet loss": "unstable connection", "cpu": "load", "cpu utilization": "load",
        "cpu throttling": "overload", "noisy neighbour": "", "noisy neighbor": "", "message broker": "", "message queue": "",
        "job queue": "", "task queue": "", "queue depth": "backlog", "consumer lag": "delay", "consumer group": "", "rpc": "",
        "grpc": "", "graphql": "", "pubsub": "", "pub/sub": "", "amqp": "", "websocket": "live connection",
        "web socket": "live connection", "circuit breaker": "", "backpressure": "", "back pressure": "",
        "retry storm": "overload", "thundering herd": "overload", "rate limiter": "limit", "qps": "", "rps": "", "slo": "",
        "sli": "", "error budget": "", "blast radius": "who is affected",
        "canary deployment": "trial", "blue-green": "", "blue/green": "", "ci/cd": "", "cicd": "", "dependency graph": "",
        "cascading failure": "", "control plane": "our systems", "data plane": "our systems",
        "root volume": "", "filesystem": "storage", "file system": "storage", "inode": "", "nfs": "storage", "ntp": "",
        "payment gateway": "payment system", "api gateway": "our system", "bad gateway": "error", "gateway timeout": "error",
        "distributed lock": "", "leader election": "", "stateful set": "", "statefulset": "", "namespace": "", "systemd": "",
        "iam role": "permission", "iam policy": "permission", "cidr": "", "subnet": "", "nat gateway": "", "vlan": "",
        "anycast": "", "waf": "", "mttr": "", "mttd": "", "sre": "engineer", "rca": "explanation",
    },
    r"(?<=gateway\s)adapters?"
    r"|(?:database|payment|protocol|network|message|storage|legacy|api)\s+adapters?"
    r"|(?<=adapter\s)modules?|(?:connector|driver|kernel|software|code|auth\w*|billing|backend|core|java|python)\s+modules?"
    r"|(?<!browser\s)(?<!browser's\s)(?<!your\s)(?<!their\s)cach(?:e|es|ing)(?!\s+and\s+cookies)"
    r"|(?:k8s|kubernetes|api|worker|compute|master|database|cluster|storage|broker|redis|cassandra|kafka)\s+(?:nodes?|pods?|clusters?|hosts?)"
    r"|pods?(?=\s+(?:were|are|was|is|restart\w*|crash\w*|fail\w*|evict\w*))"
    r"|(?:database|production|postgres|kubernetes|server|search|compute)\s+clusters?"
    r"|clusters?(?=\s+(?:nodes?|failed|failover|is\s+down|restart\w*|lost))"
    r"|(?:production|staging|dev)\s+(?:environment|namespace|account)"
    r"|(?:primary|secondary|master|slave|standby)\s+(?:database|db|node|instance|replica)s?"
    r"|(?:config|configuration)\s+(?:drift|push|rollout|file)s?"
    r"|(?:ssl|tls|x\.?509|root|intermediate)\s+certificates?"
    r"|(?:sql|database|db)\s+(?:quer(?:y|ies)|locks?|connections?|schema|instances?|index(?:es)?|deadlocks?|timeouts?)"
    r"|(?:data|deployment|deploy|build|ingestion|ci|etl|events?)\s+pipelines?"
    r"|(?:cpu|memory|disk|heap|io|i/o)\s+(?:usage|pressure|utili[sz]ation|saturation|exhaustion|limits?|spikes?)"
    r"|(?:process|service)\s+(?:restart\s+loop|mesh)"
    r"|(?:async|asynchronous|background)\s+(?:workers?|jobs?\s+queue|consumers?)"
    r"|(?:dns|a|cname)\s+(?:records?|resolver|resolution|propagation)(?<!a\sresolution)(?<!a\srecord)(?<!a\srecords)"
    r"|(?:oauth|jwt|bearer|session|access|refresh)\s+tokens?"
    r"|(?:queue|event)\s+(?:consumers?|producers?|workers?|bus)"
    r"|(?:edge|origin)\s+(?:nodes?|pops?|servers?)"
    r"|dbs?|lbs?|azs?(?=\W)|gc(?=\s+pauses?)",
)  # fmt: skip

SOFT = Terms(
    {
        "latency": "delays", "throughput": "speed", "upstream": "a supplier of ours", "downstream": "", "hotfix": "fix",
        "hot fix": "fix", "canary release": "trial", "war room": "", "latencies": "delays", "deployment": "change",
        "rollback": "return to the version before", "rolled back": "undid", "dns": "", "cdn": "", "error rate": "errors",
        "elevated error rate": "more errors than usual", "degraded performance": "slowness", "degradation": "slowness",
        "infrastructure": "systems", "mitigation": "fix", "mitigate": "limit", "mitigated": "limited",
         "remediation": "fix", "remediate": "fix", "intermittent": "now and then", "intermittently": "now and then", "root cause": "cause",
        "provisioning": "", "authentication": "signing in",

    },
)  # fmt: skip
