"""Who schemathesis is, and which refusals of valid data the document announces in words."""

import itertools
import os

import requests
import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

ORIGIN = os.environ["GATEHOUSE_ORIGIN"]
CLIENT = (os.environ["GATEHOUSE_CLIENT_ID"], os.environ["GATEHOUSE_CLIENT_SECRET"])
numbers = itertools.count()


def post(path, body):
    response = requests.post(ORIGIN + path, json=body, timeout=30)
    response.raise_for_status()
    return response.json()


# Sessions end while they are used, as logging out is among what is fuzzed: a 401 asks for another one
@schemathesis.auth(retry_on=[401]).apply_to(tag=["accounts", "sessions"])
class User:
    def __init__(self):
        self.credentials = None

    def get(self, case, context):
        if self.credentials is None:
            self.credentials = {
                "email": f"fuzzer-{next(numbers)}@example.com",
                "password": "a loom of many threads",
            }
            post("/auth/user/create", self.credentials)
        return post("/api/v1/auth/login", self.credentials)["access_token"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth(retry_on=[]).apply_to(tag="oauth")
class Client:
    def get(self, case, context):
        return requests.auth._basic_auth_str(*CLIENT)

    def set(self, case, data, context):
        case.headers["Authorization"] = data


PASSWORD = "no common password, not blank, not your email or name"


def registers(operation):
    return operation.method == "post" and operation.tags == ["accounts"]


@schemathesis.hook
def map_case(context, case):
    """Most valid registrations get a password that the policy lets pass, and an email that is new."""
    body = case.body
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and registers(case.operation) and isinstance(body, dict) and len(body["password"]) % 4:
        body["password"] = "a loom of many threads"
        body["email"] = f"fuzzed-{next(numbers)}@example.com"
    return case


def words_for(case, response):
    """What the document says in words, where it is that by which data is refused that its schemas allow."""
    body = response.json()
    sent = case.body if isinstance(case.body, dict) else {}
    if response.status_code == 422 and registers(case.operation):
        return PASSWORD if {error["field"] for error in body["errors"]} == {"password"} else None
    if body["error_code"] != "OAUTH_REQUEST_INVALID":
        return None
    if any(isinstance(value, (list, dict)) for value in sent.values()):
        return "a parameter is given twice"
    if sent.get("token") == "":
        return "One that is empty counts as missing"
    if sent.get("client_id") or sent.get("client_secret"):
        return "two clients or two ways to authenticate are used"
    return None


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if not isinstance(failure, RejectedPositiveData):
        return True
    words = words_for(case, response)
    return words is None or words not in str(case.operation.schema.raw_schema)
