// A certificate authority and what it signs, made anew for each test.
#ifndef STRATA_SERVICES_GRPC_TESTING_CERTIFICATES_H_
#define STRATA_SERVICES_GRPC_TESTING_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace strata::service::testing {

struct PemPair {
  std::string certificate;
  std::string key;
};

class CertificateAuthority {
 public:
  CertificateAuthority() : key_(NewKey()), certificate_(Sign("Test authority", key_.get(), true)) {}

  std::string certificate() const { return ToPem(certificate_.get()); }
  // For "localhost" and 127.0.0.1, as a server's or a client's.
  PemPair Issue(const char* common_name) const {
    const Key key = NewKey();
    const Certificate certificate = Sign(common_name, key.get(), false);
    BIO* const bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return {ToPem(certificate.get()), Take(bio)};
  }

 private:
  using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
  using Certificate = std::unique_ptr<X509, void (*)(X509*)>;

  static Key NewKey() { return Key(EVP_EC_gen("P-256"), EVP_PKEY_free); }

  static std::string Take(BIO* bio) {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<size_t>(size));
    BIO_free(bio);
    return text;
  }
  static std::string ToPem(X509* certificate) {
    BIO* const bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    return Take(bio);
  }

  Certificate Sign(const char* common_name, EVP_PKEY* key, bool is_authority) const {
    static long serial = 0;
    Certificate certificate(X509_new(), X509_free);
    X509* const x = certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
    X509* const issuer = is_authority ? x : certificate_.get();
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    AddExtension(x, issuer, NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!is_authority) AddExtension(x, issuer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_sign(x, key_.get(), EVP_sha256());
    return certificate;
  }
  static void AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  Key key_;
  Certificate certificate_;
};

}  // namespace strata::service::testing

#endif  // STRATA_SERVICES_GRPC_TESTING_CERTIFICATES_H_
