"""Who schemathesis is, and what the document says in words of data that it takes or refuses."""

import base64
import itertools
import json
import os

import requests
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

ORIGIN = os.environ["GATEHOUSE_ORIGIN"]
CLIENT = (os.environ["GATEHOUSE_CLIENT_ID"], os.environ["GATEHOUSE_CLIENT_SECRET"])
PASSPHRASE = "a loom of many threads"
numbers = itertools.count()


def post(path, body):
    response = requests.post(ORIGIN + path, json=body, timeout=30)
    response.raise_for_status()
    return response.json()


class Person:
    """Registered when first needed; every login is a session of its own."""

    def __init__(self):
        self.credentials = None

    def log_in(self):
        if self.credentials is None:
            credentials = {"email": f"fuzzer-{next(numbers)}@example.com", "password": PASSPHRASE}
            post("/auth/user/create", credentials)
            self.credentials = credentials
        return post("/api/v1/auth/login", self.credentials)


person = Person()


# Sessions end while they are used, as logging out is among what is fuzzed: a 401 asks for another one
@schemathesis.auth(retry_on=[401]).apply_to(tag=["accounts", "sessions"])
class User:
    def get(self, case, context):
        return person.log_in()["access_token"]

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
    """Most valid data leads somewhere: a person who is new, tokens and ids that are real."""
    body = case.body if isinstance(case.body, dict) else {}
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    # By what is in it, so that the same case is the same when it is tried again
    if not is_valid or len(str([body, case.path_parameters])) % 4 == 0:
        return case
    if registers(case.operation):
        body.update(email=f"fuzzed-{next(numbers)}@example.com", password=PASSPHRASE)
    elif "email" in body:
        person.log_in()
        body.update(person.credentials)
    elif "refresh_token" in body:
        body["refresh_token"] = person.log_in()["refresh_token"]
    elif "token" in body:
        body["token"] = person.log_in()["access_token"]
    elif "session_id" in (case.path_parameters or {}):
        access_token = person.log_in()["access_token"]
        claims = access_token.split(".")[1]
        case.path_parameters["session_id"] = int(json.loads(base64.urlsafe_b64decode(claims + "=="))["sid"])
    return case


def words_of_refusal(case, response):
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


def words_of_acceptance(case):
    """What the document says in words, where it is that by which data is taken that its schemas do not allow."""
    is_null = case.operation.definition.raw["operationId"] == "logout" and case.body is None
    return "leave the body out, or send null for it" if is_null else None


@schemathesis.hook
def filter_failure(context, failure, case, response):
    words = None
    if isinstance(failure, RejectedPositiveData):
        words = words_of_refusal(case, response)
    elif isinstance(failure, AcceptedNegativeData):
        words = words_of_acceptance(case)
    return words is None or words not in str(case.operation.schema.raw_schema)
